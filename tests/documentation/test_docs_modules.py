"""What Sphinx is helped with: names of other projects, groups of parameters."""

import inspect
import pydoc
from pathlib import Path

import pytest

import skae

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason="it comes with the repository, not with the wheel"
)


@pytest.fixture
def from_docs(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    return pytest.importorskip


@pytest.mark.filterwarnings("ignore")  # of scikit-learn, to names that are new
def test_names_of_the_inventories_exist(from_docs):
    inventories = from_docs("inventories")
    import sklearn.experimental.enable_halving_search_cv
    import sklearn.experimental.enable_iterative_imputer  # noqa: F401

    listed = [
        (project.stem, role, name)
        for project in inventories.SOURCES.glob("*.txt")
        for role, name, _ in inventories.read(project)[1]
    ]
    assert listed
    for project, role, name in listed:
        if role not in inventories.STANDARD and name not in ("None", "True", "False"):
            prefix = "builtins." if project == "python" and "." not in name else ""
            found = pydoc.locate(prefix + name) or pydoc.locate(name)
            assert found is not None, f"{project} has no {name}"


def test_sphinx_reads_the_inventories(from_docs, tmp_path):
    inventories = from_docs("inventories")
    inventory = pytest.importorskip("sphinx.util.inventory")
    for address, path in inventories.mapping(tmp_path).values():
        content = Path(path).read_bytes()
        if hasattr(inventory.InventoryFile, "loads"):
            assert inventory.InventoryFile.loads(content, uri=address)
        assert address.startswith("https://")
        assert address.endswith("/")


def test_pictures_have_the_benchmarks_figures(from_docs, tmp_path):
    pictures = from_docs("pictures")
    printed = (pictures.RESULTS / "defaults.md").read_text("utf-8").splitlines()
    ratios = [
        float(line.split("|")[4])
        for line in printed[2:]
        if line and "exact" not in line
    ]
    drawn = [
        ratio
        for line in pictures.defaults().axes[0].lines
        if line.get_label().endswith("codes")
        for ratio in line.get_xdata()
    ]
    assert sorted(drawn) == sorted(ratios)
    pictures.draw(tmp_path / "pictures")
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "alternatives.png",
        "defaults.png",
    }


def test_every_parameter_of_an_estimator_has_a_group(from_docs):
    from_docs("sphinx")
    groups = from_docs("parameter_groups")
    for estimator in (
        skae.AutoencoderTransformer,
        skae.ConvAutoencoder,
        skae.SequenceAutoencoder,
        skae.DenoisingAutoencoder,
        skae.VAETransformer,
    ):
        assert set(inspect.signature(estimator).parameters) <= set(groups.GROUP_OF)
