"""Which database the configuration means, and what makes it ready."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.config import PipelineConfig
from pipeline.provision.files import make_private_folder
from pipeline.setup.step import Options, Step

__all__ = ["set_up"]


def set_up(config: PipelineConfig, folder: Path, options: Options | None = None) -> Iterator[Step]:
    """Make what the store of the configuration needs; yield what was done, as it is done.

    Parameters
    ----------
    folder : Path
        Where the secrets go; made where missing, for its owner alone.

    Raises
    ------
    ServerError
        No answer, one that refuses, or an administrator whose secret is not known here; what was
        done before stays done.
    SecretError
        A secret file that others can read.
    """
    options = options or Options()
    if config.store.kind == "sqlite":
        from pipeline.setup.files import set_up_files

        return set_up_files(config)
    make_private_folder(folder)
    if config.store.kind == "influx1":
        from pipeline.setup.influx1 import set_up_influx1

        return set_up_influx1(config, folder, options)
    from pipeline.setup.influx2 import set_up_influx2

    return set_up_influx2(config, folder, options)
