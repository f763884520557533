"""What setup.cfg cannot say: the file libcloud_ovm3.pth goes next to the packages."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PTH = "libcloud_ovm3.pth"  # calls libcloud_ovm3_hook at every start of Python


class BuildPy(build_py):
    """Also writes the .pth file, into wheels and into editable installs."""

    def run(self) -> None:
        super().run()
        self.copy_file(PTH, str(self._folder() / PTH))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, str(self._folder() / PTH)]

    def _folder(self) -> Path:
        # An editable wheel has nothing of build_lib; what lies in install_lib is packed into it.
        if self.editable_mode:
            return Path(self.get_finalized_command("install").install_lib)
        return Path(self.build_lib)


setup(cmdclass={"build_py": BuildPy})
