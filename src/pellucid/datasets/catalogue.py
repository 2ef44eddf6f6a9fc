"""The data sets that are known by name: what they hold, whose they are, where they are to be had.

Another data set of this kind is one more entry here. ``sha256`` is of the file as it is downloaded, as TensorFlow Datasets
publishes it (``tensorflow_datasets/url_checksums``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pellucid.datasets.wording import did_you_mean, listed
from pellucid.errors import DataError

IDX_STEMS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""Training images and labels, test images and labels: MNIST's names, which its successors took over."""


@dataclass(frozen=True)
class File:
    """A file to download: its name, its size in bytes, its SHA-256, and that of its unpacked content where it is known."""

    name: str
    size: int
    sha256: str
    unpacked_sha256: str | None = None


@dataclass(frozen=True)
class Entry:
    """A data set that is known by name.

    ``mirrors`` are base URLs, tried in turn. ``tried`` tells whether the checksums were held against the real files when
    this catalogue was written, and not only copied from who publishes them. A set without ``files`` comes with a package.
    ``made_from`` names the set whose files these are, for one that is made of another.
    """

    name: str
    description: str
    classes: tuple[int, ...] | tuple[str, ...]
    licence: str
    page: str
    citation: str
    mirrors: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    tried: bool = False
    made_from: str | None = None

    @property
    def folder(self) -> str:
        """The name of the folder that the files are in."""
        return self.made_from or self.name


MNIST = Entry(
    name="mnist",
    description="Handwritten digits, 28×28 grey pixels: 60,000 to learn from, 10,000 to be tested on",
    classes=tuple(range(10)),
    licence="Y. LeCun, C. Cortes, C. Burges; no explicit licence was published with the original files",
    page="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    # The checksums of the unpacked content are published nowhere: they were computed from files whose published checksum
    # had been verified.
    files=(
        File(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        File(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        File(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        File(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    tried=True,
)

MNIST_DESLANTED = replace(
    MNIST,
    name="mnist-deslanted",
    description="MNIST set upright: each digit slanted back by the slant of its ink, and cut to 20×20 pixels",
    made_from="mnist",
)

FASHION_MNIST = Entry(
    name="fashion-mnist",
    description="Articles of clothing, 28×28 grey pixels: 60,000 to learn from, 10,000 to be tested on",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    licence="MIT, Zalando SE",
    page="https://github.com/zalandoresearch/fashion-mnist",
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747",
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    files=(
        File(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        File("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        File(
            "t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        File("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)

KMNIST = Entry(
    name="kmnist",
    description="Cursive Japanese characters, 28×28 grey pixels: 60,000 to learn from, 10,000 to be tested on",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    licence="CC BY-SA 4.0, ROIS-DS Center for Open Data in the Humanities",
    page="http://codh.rois.ac.jp/kmnist/",
    citation="Clanuwat et al.: Deep Learning for Classical Japanese Literature, 2018, arXiv:1812.01718",
    mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    files=(
        File(
            "train-images-idx3-ubyte.gz",
            18_165_135,
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
        File("train-labels-idx1-ubyte.gz", 29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        File(
            "t10k-images-idx3-ubyte.gz", 3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"
        ),
        File("t10k-labels-idx1-ubyte.gz", 5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    ),
)

DIGITS = Entry(
    name="digits",
    description="Handwritten digits, 8×8 grey pixels: 1,797, of which a seeded fifth is the test part; offline",
    classes=tuple(range(10)),
    licence="CC BY 4.0, as the UCI repository states it; E. Alpaydin, C. Kaynak",
    page="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    citation="Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, 1998; the copy that scikit-learn carries",
)

CATALOGUE = {entry.name: entry for entry in (MNIST, MNIST_DESLANTED, FASHION_MNIST, KMNIST, DIGITS)}


def find(name: str) -> Entry:
    """Look a name up. Raises ``DataError`` that lists the known ones.

    >>> find("kmnist").classes
    ('o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo')
    """
    if name not in CATALOGUE:
        raise DataError(
            f"no data set is called {name!r}", f"one of {listed(CATALOGUE)}", did_you_mean(name, list(CATALOGUE))
        )
    return CATALOGUE[name]
