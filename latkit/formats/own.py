"""The file formats that latkit brings."""

from latkit.condition import PRECISIONS
from latkit.formats.builder import Builder, imported

ONNX = Builder(".onnx", 1, imported("latkit.formats.onnx"), PRECISIONS)
TFLITE = Builder(".tflite", 1, imported("latkit.formats.tflite"), PRECISIONS)
NCNN = Builder(".ncnn", 1, imported("latkit.formats.ncnn"), ("fp32", "fp16"))
TORCH = Builder(".safetensors", 1, imported("latkit.formats.torch_file"), ("fp32", "fp16"))
