"""The published data sets: where their files are, and their hashes.

The hashes are those that TensorFlow Datasets and torchvision list, not what a mirror states.
"""

from __future__ import annotations

from skcnn._files.download import RemoteDataSet, RemoteFile

_IDX_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_REMEDY = "download {} by other means, and pass {} as data_home."


def _idx_data_set(
    title: str, folder: str, mirrors: tuple[str, ...], hashes: tuple[str, ...], remedy: str = ""
) -> RemoteDataSet:
    """Four IDX files, which all mirrors have under the same names."""
    files = tuple(
        RemoteFile(name, tuple((f"{mirror}{name}", sha256) for mirror in mirrors))
        for name, sha256 in zip(_IDX_NAMES, hashes, strict=True)
    )
    return RemoteDataSet(
        title, folder, files, remedy or _REMEDY.format("its four files", "their folder")
    )


MNIST = _idx_data_set(
    "MNIST",
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "download its four files by other means, and pass their folder as data_home or in the "
    "environment variable SKCNN_DATA.",
)
FASHION_MNIST = _idx_data_set(
    "Fashion-MNIST",
    "fashion_mnist",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
KMNIST = _idx_data_set(
    "KMNIST",
    "kmnist",
    (
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://huggingface.co/datasets/tanganke/kmnist/resolve/"
        "53810959241e8f35890445245170c8cec0672f81/raw/",
    ),
    (
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
)
EMNIST = RemoteDataSet(  # the second archive has the same files, packed in another way
    "EMNIST",
    "emnist",
    (
        RemoteFile(
            "gzip.zip",
            (
                (
                    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
                    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
                ),
                (
                    "https://rds.westernsydney.edu.au/Institutes/MARCS/BENS/EMNIST/emnist-gzip.zip",
                    "909a2a39c5e86bdd7662425e9b9c4a49bb582bf8d0edad427f3c3a9d0c6f7259",
                ),
            ),
        ),
    ),
    _REMEDY.format("gzip.zip", "its path"),
)
CIFAR10 = RemoteDataSet(
    "CIFAR-10",
    "cifar10",
    (
        RemoteFile(
            "cifar-10-binary.tar.gz",
            tuple(
                (
                    f"{mirror}cifar-10-binary.tar.gz",
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                )
                for mirror in (
                    "https://www.cs.toronto.edu/~kriz/",
                    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
                )
            ),
        ),
    ),
    _REMEDY.format("cifar-10-binary.tar.gz", "its path"),
)
