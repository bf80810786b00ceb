"""Files of torch.save are read without torch, and nothing in them is ever run."""

import builtins
import collections
import functools
import io
import os
import pathlib
import pickle
import struct
import sys
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latkit.errors import LatkitError, StoreError
from latkit.store.io import plain_pickle, torch_file
from latkit.store.io.torch_file import load

MAGIC, VERSION, SYSTEM = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}


def zipped(pickled, **storages):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, stored in storages.items():
            archive.writestr(f"archive/data/{key}", stored)
    return content.getvalue()


def legacy(pickled, tail=b"\x80\x02]."):
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, VERSION, SYSTEM))
    return head + pickled + tail


@pytest.fixture(params=[zipped, legacy], ids=["zip", "legacy"])
def container(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.pt"


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text() | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
    ),
    max_leaves=20,
)


class TestPlainValues:
    @given(value=plain_values, protocol=st.integers(2, 5))
    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    def test_round_trip(self, path, container, value, protocol):
        path.write_bytes(container(pickle.dumps(value, protocol)))
        # repr, because NaN differs from itself.
        assert repr(load(path)) == repr(value)

    def test_long_list(self, path, container):
        value = [float(n) for n in range(5000)]
        path.write_bytes(container(pickle.dumps(value, 2)))
        assert load(path) == value

    def test_ordered_dict(self, path, container):
        value = collections.OrderedDict(a=1, b=2)
        path.write_bytes(container(pickle.dumps(value, 2)))
        assert load(path) == {"a": 1, "b": 2}


class TestTensors:
    """Against torch itself, in both of its formats."""

    @pytest.fixture(params=[True, False], ids=["zip", "legacy"])
    def save(self, request, path):
        torch = pytest.importorskip("torch")

        def save(value):
            torch.save(value, path, _use_new_zipfile_serialization=request.param)
            return load(path)

        return save

    @pytest.mark.parametrize(
        "dtype",
        ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"],
    )
    def test_kinds_of_number(self, save, dtype):
        torch = pytest.importorskip("torch")
        assert save(torch.tensor([1, 0, 1], dtype=getattr(torch, dtype))) == [1, 0, 1]

    def test_views(self, save):
        torch = pytest.importorskip("torch")
        whole = torch.arange(24.0).reshape(2, 3, 4)
        for view in (whole, whole[1], whole[:, ::2, 1:], whole.permute(2, 0, 1), whole[0, 0, 3]):
            assert save(view) == view.tolist()
        assert save(torch.zeros(0)) == []
        assert save(torch.ones(1).expand(5)) == [1.0] * 5

    def test_list_of_single_numbers(self, save):
        torch = pytest.importorskip("torch")
        assert save([torch.tensor(1.5), torch.tensor([2]), 3]) == [1.5, 2, 3]

    def test_list_of_longer_tensors(self, save):
        torch = pytest.importorskip("torch")
        with pytest.raises(StoreError, match="list of tensors"):
            save([torch.zeros(2)])

    @pytest.mark.parametrize("name", ["bfloat16", "complex64"])
    def test_other_kinds_are_refused(self, save, name):
        torch = pytest.importorskip("torch")
        with pytest.raises(StoreError, match="Storage"):
            save(torch.zeros(2, dtype=getattr(torch, name)))

    def test_a_module_is_refused(self, save):
        torch = pytest.importorskip("torch")
        with pytest.raises(
            StoreError, match=r"torch\.nn\.modules\.linear\.Linear.*nothing was run"
        ):
            save(torch.nn.Linear(2, 2))


class Evil:
    """Pickled, it calls something when it is loaded the usual way."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


class WithState:
    """Pickled, it sets attributes when it is loaded the usual way."""


class TestHostileFiles:
    """Each of these runs something, or takes memory without end, where pickle executes it."""

    def refused(self, path, content, words=None):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=words) as caught:
            load(path)
        assert str(path) in caught.value.message
        return caught.value

    @pytest.mark.parametrize("protocol", range(6))
    def test_command_is_not_executed(self, path, tmp_path, container, protocol):
        trace = tmp_path / "trace"
        evil = Evil(os.system, f"touch {trace}")
        for value in (evil, [1.0, evil], {"a": [evil]}, {evil: 1}):
            self.refused(path, container(pickle.dumps(value, protocol)))
            assert not trace.exists()
        pickle.loads(pickle.dumps(evil, protocol))
        assert trace.exists(), "the attack itself does not work, so this test shows nothing"

    @pytest.mark.parametrize(
        "function",
        [eval, exec, open, __import__, getattr, os.popen, functools.partial, builtins.print, list],
        ids=lambda function: function.__name__,
    )
    def test_other_functions(self, path, container, function):
        content = container(pickle.dumps(Evil(function, "1"), 2))
        problem = self.refused(path, content, "more than plain data")
        assert "CSV" in problem.hint

    def test_no_name_is_imported(self, path, container):
        self.refused(path, container(b"\x80\x02cantigravity\nfly\n."), "antigravity.fly")
        assert "antigravity" not in sys.modules

    @pytest.mark.parametrize(
        "pickled",
        [
            pickle.dumps(WithState(), 2),  # NEWOBJ
            b"\x80\x02(ios\nsystem\n(U\x04true\x85R.",  # INST
            b"\x80\x02(cos\nsystem\nU\x04trueo.",  # OBJ
            b"\x80\x02\x82\x01.",  # EXT1
            b"\x80\x02ccollections\nOrderedDict\n)R}b.",  # BUILD
            b"\x80\x02}U\x01aK\x01s(]).",
            b"\x80\x02ctorch\nFloatStorage\n)R.",  # call what is not callable
            b"\x80\x02ccollections\nOrderedDict\nX\x02\x00\x00\x00abR.",  # no tuple
            b"\x80\x02ccollections\nOrderedDict\nK\x05\x85R.",
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
            b"P1\n.",
        ],
    )
    def test_instructions_outside_the_list(self, path, container, pickled):
        self.refused(path, container(pickled))

    @pytest.mark.parametrize(
        "pickled",
        [
            b"\x80\x02X\xff\xff\xff\x7fabc.",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
            b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
            b"\x80\x02I" + b"9" * 100_000 + b"\n.",
            b"\x80\x02]r\xff\xff\xff\x7f0.",
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        ],
        ids=["text", "text8", "long", "decimal", "memo", "frame"],
    )
    def test_huge_declared_sizes(self, path, container, pickled):
        self.refused(path, container(pickled))

    def test_huge_place_in_the_memo_costs_nothing(self, path, container):
        path.write_bytes(container(b"\x80\x02]r\xff\xff\xff\x7f."))
        assert load(path) == []

    def tensor(self, shape, strides, offset=0, count=2, key="0"):
        def numbers(values):
            return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in values) + b"t"

        identity = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00"
        identity += key.encode() + b"X\x03\x00\x00\x00cpu\x8a\x08" + struct.pack("<q", count)
        return (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
            + identity
            + b"tQ\x8a\x08"
            + struct.pack("<q", offset)
            + numbers(shape)
            + numbers(strides)
            + b"\x89ccollections\nOrderedDict\n)RtR."
        )

    def test_the_tensor_that_the_following_ones_spoil(self, path):
        path.write_bytes(zipped(self.tensor([2], [1]), **{"0": struct.pack("<2f", 1, 2)}))
        assert load(path) == [1.0, 2.0]

    @pytest.mark.parametrize(
        ("shape", "strides", "offset"),
        [
            ([3], [1], 0),
            ([2], [2], 0),
            ([2], [1], 1),
            ([2**62], [0], 0),
            ([2**40, 2**40], [0, 0], 0),
            ([10**8], [0], 0),
            ([2], [2**62], 0),
            ([2], [1], 2**62),
            ([2], [-1], 1),
            ([-1], [1], 0),
            ([1], [1], -1),
            ([2, 2], [1], 0),
        ],
    )
    def test_tensor_larger_than_its_data(self, path, shape, strides, offset):
        content = zipped(self.tensor(shape, strides, offset), **{"0": struct.pack("<2f", 1, 2)})
        self.refused(path, content, "tensor")

    @pytest.mark.parametrize("count", [2**62, -1, 10**9])
    def test_storage_larger_than_the_file(self, path, count):
        keys = pickle.dumps(["0"], 2) + struct.pack("<q", count) + bytes(8)
        self.refused(path, legacy(self.tensor([2], [1], count=count), keys))

    def test_storage_that_is_absent(self, path):
        self.refused(path, zipped(self.tensor([2], [1])), "damaged")
        self.refused(path, legacy(self.tensor([2], [1])), "tensor")
        self.refused(path, legacy(b"\x80\x02].", pickle.dumps(["7"], 2) + bytes(8)), "damaged")

    def test_storage_outside_the_archive(self, path):
        self.refused(path, zipped(self.tensor([2], [1], key="/")), "damaged")

    def test_archive_that_unpacks_to_too_much(self, path, monkeypatch):
        monkeypatch.setattr(torch_file, "MAX_BYTES", 1_000_000)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", bytes(2_000_000))
        assert path.stat().st_size < 10_000
        self.refused(path, path.read_bytes(), "unpacks to more than")

    def test_file_that_is_too_large(self, path, monkeypatch):
        monkeypatch.setattr(torch_file, "MAX_BYTES", 100)
        self.refused(path, bytes(101), "larger than")

    def test_list_that_contains_itself(self, path, container):
        loop = []
        loop.append(loop)
        self.refused(path, container(pickle.dumps(loop, 2)), "more than")

    @pytest.mark.parametrize("kind", [list, tuple, lambda inner: {"a": inner[0], "b": inner[1]}])
    def test_billion_laughs(self, path, container, kind):
        laugh = kind(["ha", "ha"])
        for _ in range(60):
            laugh = kind([laugh, laugh])
        content = container(pickle.dumps(laugh, 2))
        assert len(content) < 3_000
        self.refused(path, content, "more than 1,000,000 values")

    def test_a_list_that_grows_after_it_was_shared(self, path, container):
        shares, grows = b"](" + b"h\x00" * 1000 + b"e", b"h\x00(" + b"N" * 2000 + b"e"
        self.refused(path, container(b"\x80\x02]q\x00" + shares + grows + b"\x87."), "more than")

    @pytest.mark.parametrize("depth", [100, 500_000])
    def test_a_key_of_nested_tuples_is_never_hashed(self, path, container, depth):
        nested = b"\x80\x02)" + b"\x85" * depth
        self.refused(path, container(b"\x80\x02}" + nested[2:] + b"K\x01s."), "a key that is")

    @pytest.mark.parametrize(
        "key",
        [b"X" + struct.pack("<I", 2**20) + b"a" * 2**20, b"\x8a\x0a" + b"\xff" * 9 + b"\x0f"],
        ids=["compared letter by letter", "with any hash"],
    )
    def test_a_key_that_is_found_slowly(self, path, container, key):
        self.refused(path, container(b"\x80\x02}" + key + b"Ns."), "a key that is")
        identity = b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + key + b"X\x03\0\0\0cpuK\x01t"
        self.refused(path, container(b"\x80\x02" + identity + b"Q."), "an unknown kind")

    def test_hashes_of_nested_tuples_by_a_dictionary_of_pairs(self, path, container):
        twice = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
        pairs = b"])" + twice + b"N\x86a\x85"
        pickled = b"\x80\x02ccollections\nOrderedDict\n" + pairs + b"R."
        self.refused(path, container(pickled), "to call something with 1 values")

    def test_a_thousand_copies_of_many_values(self, path, container):
        identity = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ"
        values = b"(" + identity + b"K\x00))" + b"N" * 900_000 + b"t"
        maker = b"ctorch._utils\n_rebuild_tensor_v2\n"
        pickled = b"\x80\x02" + values + b"q\x00" + (maker + b"h\x00R") * 30_000 + b"."
        content = container(pickled) if container is legacy else zipped(pickled, **{"0": bytes(4)})
        self.refused(path, content, "to call something with 900,004 values")

    def test_more_instructions_than_are_read(self, path, container):
        self.refused(path, container(b"\x80\x02" + b"N" * 1_000_001 + b"."), "more than")

    def test_archive_of_countless_files(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(torch_file.MAX_ENTRIES + 1):
                archive.writestr(str(number), "")
        self.refused(path, path.read_bytes(), "archive of more than")

    @pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_compressions(self, path, kind):
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps([1], 2))
        self.refused(path, path.read_bytes(), "compressed")

    @pytest.mark.parametrize("shape", [(0, 2**28), (2**28, 0), (1_000_000, 1, 1, 1, 1)], ids=str)
    def test_empty_and_flat_tensors_of_endless_lists(self, path, shape):
        content = zipped(self.tensor(shape, [0] * len(shape)), **{"0": struct.pack("<2f", 1, 2)})
        self.refused(path, content, "tensor")

    def test_endless_name(self, path, container):
        problem = self.refused(path, container(b"\x80\x02c" + b"x" * 10**6 + b"\ny\n."))
        assert len(problem.message) < 400

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "."])
    def test_no_file_at_all(self, device):
        with pytest.raises(StoreError, match="cannot read"):
            load(pathlib.Path(device))

    def test_big_endian(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps([1], 2))
            archive.writestr("archive/byteorder", "big")
        self.refused(path, path.read_bytes(), "big-endian")


class TestDamagedFiles:
    def test_absent(self, path):
        with pytest.raises(StoreError, match="No such file"):
            load(path)

    def test_every_truncation(self, path, container):
        whole = container(pickle.dumps([1.0, 2.0, "text"], 2))
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(StoreError, match=r"file\.pt"):
                load(path)

    def test_archive_without_data(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other/thing", "")
        with pytest.raises(StoreError, match=r"without data\.pkl"):
            load(path)

    def test_plain_pickle_is_no_file_of_torch(self, path):
        path.write_bytes(pickle.dumps([1.0], 2))
        with pytest.raises(StoreError, match=r"no file of torch\.save"):
            load(path)

    @given(content=st.binary(max_size=200))
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def test_rubbish(self, path, container, content):
        for whole in (content, container(content), container(b"\x80\x02" + content + b".")):
            path.write_bytes(whole)
            harmless(path)

    @given(st.data())
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def test_scribbled_over(self, path, container, data):
        value = {"a": [1.0, 2], "b": ("x", None, 2**70), "c": collections.OrderedDict(d=1)}
        content = bytearray(container(pickle.dumps(value, 2)))
        for _ in range(data.draw(st.integers(1, 10))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(content))
        harmless(path)


def harmless(path):
    """Loading gives plain values or a LatkitError."""
    try:
        value = load(path)
    except LatkitError:
        return
    plain = (type(None), bool, int, float, str, list, dict, tuple)
    inside = (torch_file.Storage, torch_file.Tensor, torch_file._StorageType, plain_pickle.Maker)
    assert isinstance(value, (*plain, *inside))
