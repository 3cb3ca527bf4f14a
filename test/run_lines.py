"""The test format of this folder; lit's workers must be able to import it, so it is no part of lit.cfg.py."""
import pathlib

import lit.formats


class RunLines(lit.formats.ShTest):
    """A .test file must have a RUN line; any other file without one is no test."""

    def getTestsInDirectory(self, suite, path, lit_config, local_config):
        for test in super().getTestsInDirectory(suite, path, lit_config, local_config):
            source = pathlib.Path(test.getSourcePath())
            if source.suffix == ".test" or "RUN:" in source.read_text(errors="replace"):
                yield test
