"""The published transfer tasks: pretrain on some devices, adapt to others from few samples.

ND and FD are MetaD2A/HELP's own splits; N1-N4, NA, F1-F4 and FA are those of NASFLAT, appendix
A.1, made with the partitioner that ``latkit.evaluation.partition`` implements.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from latkit.errors import MeasurementsUnusable

MIN_SOURCES = 2


@dataclass(frozen=True, slots=True)
class Task:
    """Devices to learn from, and devices to adapt to, of one space."""

    name: str
    space: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def within(self, devices: Collection[str]) -> tuple[Task, tuple[str, ...]]:
        """The task on the devices that are present, and the names of those that are not.

        Raises MeasurementsUnusable where fewer than two sources or no target remain.
        """
        present = Task(
            self.name,
            self.space,
            tuple(device for device in self.sources if device in devices),
            tuple(device for device in self.targets if device in devices),
        )
        missing = tuple(d for d in (*self.sources, *self.targets) if d not in devices)
        if len(present.sources) < MIN_SOURCES or not present.targets:
            raise MeasurementsUnusable(
                f"task {self.name} cannot be run: the dataset lacks {', '.join(missing)}",
                "latkit dataset import FOLDER_OR_TABLE",
            )
        return present, missing


def _task(name: str, space: str, sources: str, targets: str) -> Task:
    return Task(name, space, tuple(sources.split()), tuple(targets.split()))


PUBLISHED = {
    task.name: task
    for task in (
        _task(
            "ND",
            "nb201",
            "1080ti_1 1080ti_32 1080ti_256 silver_4114 silver_4210r samsung_a50 pixel3"
            " essential_ph_1 samsung_s7",
            "titan_rtx_256 gold_6226 fpga pixel2 raspi4 eyeriss",
        ),
        _task(
            "N1",
            "nb201",
            "embedded_tpu_edge_tpu_int8 eyeriss mobile_gpu_snapdragon_675_adreno_612_int8"
            " mobile_gpu_snapdragon_855_adreno_640_int8 pixel3",
            "1080ti_1 titan_rtx_32 titanxp_1 2080ti_32 titan_rtx_1",
        ),
        _task(
            "N2",
            "nb201",
            "1080ti_1 1080ti_32 titanx_32 titanxp_1 titanxp_32",
            "embedded_gpu_jetson_nano_fp16 embedded_tpu_edge_tpu_int8"
            " mobile_dsp_snapdragon_675_hexagon_685_int8"
            " mobile_dsp_snapdragon_855_hexagon_690_int8 pixel3",
        ),
        _task(
            "N3",
            "nb201",
            "desktop_gpu_gtx_1080ti_fp32 embedded_gpu_jetson_nano_fp16 eyeriss"
            " mobile_dsp_snapdragon_675_hexagon_685_int8"
            " mobile_gpu_snapdragon_855_adreno_640_int8",
            "1080ti_1 2080ti_1 titanxp_1 2080ti_32 titanxp_32",
        ),
        _task(
            "N4",
            "nb201",
            "desktop_cpu_core_i7_7820x_fp32 embedded_gpu_jetson_nano_fp32"
            " embedded_tpu_edge_tpu_int8 eyeriss mobile_cpu_snapdragon_855_kryo_485_int8"
            " mobile_dsp_snapdragon_675_hexagon_685_int8"
            " mobile_dsp_snapdragon_855_hexagon_690_int8"
            " mobile_gpu_snapdragon_675_adreno_612_int8"
            " mobile_gpu_snapdragon_855_adreno_640_int8 pixel2",
            "1080ti_1 2080ti_1 titan_rtx_1",
        ),
        _task(
            "NA",
            "nb201",
            "titan_rtx_1 titan_rtx_32 titanxp_1 2080ti_1 titanx_1 1080ti_1 titanx_32 titanxp_32"
            " 2080ti_32 1080ti_32 gold_6226 samsung_s7 silver_4114 gold_6240 silver_4210r"
            " samsung_a50 pixel2",
            "eyeriss desktop_gpu_gtx_1080ti_fp32 embedded_tpu_edge_tpu_int8",
        ),
        _task(
            "FD",
            "fbnet",
            "1080ti_1 1080ti_32 1080ti_64 silver_4114 silver_4210r samsung_a50 pixel3"
            " essential_ph_1 samsung_s7",
            "fpga raspi4 eyeriss",
        ),
        _task(
            "F1",
            "fbnet",
            "2080ti_1 essential_ph_1 silver_4114 titan_rtx_1 titan_rtx_32",
            "eyeriss fpga raspi4 samsung_a50 samsung_s7",
        ),
        _task(
            "F2",
            "fbnet",
            "essential_ph_1 gold_6226 gold_6240 pixel3 raspi4",
            "1080ti_1 1080ti_32 2080ti_32 titan_rtx_1 titanxp_1",
        ),
        _task(
            "F3",
            "fbnet",
            "essential_ph_1 pixel2 pixel3 raspi4 samsung_s7",
            "1080ti_1 1080ti_32 2080ti_1 titan_rtx_1 titan_rtx_32",
        ),
        _task(
            "F4",
            "fbnet",
            "1080ti_64 2080ti_1 eyeriss gold_6226 gold_6240 raspi4 samsung_s7 silver_4210r"
            " titan_rtx_1 titan_rtx_32",
            "1080ti_1 pixel2 essential_ph_1",
        ),
        _task(
            "FA",
            "fbnet",
            "1080ti_1 1080ti_32 1080ti_64 2080ti_1 2080ti_32 2080ti_64 titan_rtx_1 titan_rtx_32"
            " titan_rtx_64 titanx_1 titanx_32 titanx_64 titanxp_1 titanxp_32 titanxp_64",
            "gold_6226 essential_ph_1 samsung_s7 pixel2",
        ),
    )
}
