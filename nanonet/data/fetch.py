"""Public files by their address, each with a pinned hash; or from a local folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nanonet.errors import DataError, MissingDependencyError
from nanonet.paths import local_data

HOST = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class PublicFile:
    """A file that others published and that never changes.

    Args:
        path: relative path in the folder that ``NANONET_DATA`` names, and in the download cache.
        repository, commit, source: owner and name, full commit, path in the repository.
        sha256: of its bytes.
        licence: of the repository.
    """

    path: str
    repository: str
    commit: str
    source: str
    sha256: str
    licence: str

    @property
    def url(self) -> str:
        """Where it is downloaded from."""
        return f"{HOST}/{self.repository}/{self.commit}/{self.source}"


_CHEM_PROP = ("learningmatter-mit/Chem-prop-pred", "39b0c16f70c4142b32a67531a093718c767ad43d")
#: Thermal conductivity of polymers and blends (Xu and Luo 2024).
BLEND_TC = PublicFile(
    path="blend_tc/polymer_blend_combined_data_v3.csv",
    repository="Jiaxin-Xu/PolymerBlendTC-ActiveLearning",
    commit="ce257837bb8e033b58f9ca67ba5801b5d4849050",
    source="polymer_blend_combined_data_v3.csv",
    sha256="486e702cba59af273999c36082571ba97b0cc83bdacb47a226f476ef14f4de3b",
    licence="MIT",
)
#: Ionic conductivity of polymer electrolytes, measured.
SPE = PublicFile(
    "spe/clean_train_data.csv",
    *_CHEM_PROP,
    source="data/clean_train_data.csv",
    sha256="6b6de5979e2b0fe592e9c75b98cdccc6a77c579bd9332e3633301f6f6392ca74",
    licence="MIT",
)
#: Transport in polymers with LiTFSI, simulated.
HTPMD = PublicFile(
    path="htpmd/md_wo_structure_cleaned_0_1_4.csv",
    repository="TRI-AMDD/htp_md",
    commit="4076e9baa8d2da0c9ee250bd2b75daa58d03986a",
    source="htpmd/ml_models/md_wo_structure_cleaned_0_1_4.csv",
    sha256="ce3691a45c5808e9f9d32ed3acaa3716c3d6d03e2dd908cc9a01901b3f5a2546",
    licence="MIT",
)
#: Structures without labels, to train an embedding on and to screen.
POLYINFO = PublicFile(
    "corpus/PolyInfo_8salts.csv",
    *_CHEM_PROP,
    source="data/PolyInfo_8salts.csv",
    sha256="513ff77abd8f7fb891b3b636d14b2ec6857180660dfee6bbd0dc0c167085dfea",
    licence="MIT",
)
POLYMERS = PublicFile(
    path="corpus/polymer_smiles.csv.gz",
    repository="KanHatakeyama/ion_predictor",
    commit="a58c08c500fdc02656878a34493fcd88f602f85b",
    source="database/polymer_smiles.csv.gz",
    sha256="6f003a65ed71a308c631bc2b05df8c12109b87566289228f13f85f38722b71ad",
    licence="MIT",
)


def fetch(file: PublicFile) -> Path:
    """A local copy of a public file: from ``NANONET_DATA`` if that is set, else downloaded once.

    Raises:
        DataError: not in the local folder, no network, or bytes with another hash.
        MissingDependencyError: pooch, which downloads, is not installed.
    """
    folder = local_data()
    if folder is not None:
        local = folder / file.path
        if not local.is_file():
            raise DataError(
                f"NANONET_DATA names {folder}, which has no {file.path}; put the file of {file.url} there, "
                "or unset NANONET_DATA to download it"
            )
        found = hashlib.sha256(local.read_bytes()).hexdigest()
        if found != file.sha256:
            raise DataError(
                f"{local} has the SHA-256 {found}, expected {file.sha256}; it is damaged or another version, "
                f"put the file of {file.url} there"
            )
        return local
    return _download(file)


def _download(file: PublicFile) -> Path:
    try:
        import pooch
    except ImportError as error:
        raise MissingDependencyError(
            "downloading a data set needs pooch, which is not installed: pip install 'nanonet[train]'; "
            "or name a folder with the file by NANONET_DATA"
        ) from error
    relative = Path(file.path)
    pooch.get_logger().setLevel("WARNING")
    try:
        found = pooch.retrieve(
            url=file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=relative.name,
            path=pooch.os_cache("nanonet") / relative.parent,
        )
    except ValueError as error:
        raise DataError(
            f"what was downloaded from {file.url} is not the file that is expected (SHA-256 {file.sha256}): {error}; "
            "try again, or name a folder with the right file by NANONET_DATA"
        ) from error
    except OSError as error:
        # Every error of a connection is an OSError, also those of the library that pooch uses.
        raise DataError(
            f"{file.url} cannot be downloaded ({type(error).__name__}: {error}); connect to the network, or download "
            f"the file elsewhere and name the folder with {file.path} in it by NANONET_DATA"
        ) from error
    return Path(found)
