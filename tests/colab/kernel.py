"""A kernel that the book takes for Colab's: the lane's kernelspec starts it.

It runs Colab's versions of Python's packages, and stands in for Colab where the
notebooks and their libraries ask: `google.colab` is imported before the first cell,
and `google.colab.output` does what anywidget relies on, in the way of Colab's own
(googlecolab/colabtools, google/colab/output/_widgets.py). It doesn't imitate what
Colab adds to tables, nor its front end.

One thing is turned: where a cell installs from the book's repository, which a test
can't reach, it gets the wheel built from this folder.
"""

from __future__ import annotations

import os
import sys
import types

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import launch_new_instance
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython import get_ipython

VIEW = "application/vnd.jupyter.widget-view+json"
MANAGER = "https://ssl.gstatic.com/colaboratory-static/widgets/manager.min.js"


def widget_manager() -> types.ModuleType:
    """Return `google.colab.output._widgets`: the switch for other people's widgets."""
    module = types.ModuleType("google.colab.output._widgets")
    module._installed_url = None

    def mark(message: dict) -> dict:
        """Tell the front end, in a display's metadata, who draws the widget."""
        content = message.get("content", {})
        if module._installed_url and VIEW in content.get("data", {}):
            colab = {"custom_widget_manager": {"url": module._installed_url}}
            content.setdefault("metadata", {}).setdefault(VIEW, {})["colab"] = colab
        return message

    def enable_custom_widget_manager(version: str = "5.0.0a") -> None:
        if not module._installed_url:
            get_ipython().display_pub.register_hook(mark)
        module._installed_url = MANAGER

    def disable_custom_widget_manager() -> None:
        if module._installed_url:
            get_ipython().display_pub.unregister_hook(mark)
        module._installed_url = None

    module.enable_custom_widget_manager = enable_custom_widget_manager
    module.disable_custom_widget_manager = disable_custom_widget_manager
    return module


def install_stand_in() -> None:
    """Put `google.colab` where `import` and `sys.modules` find it."""
    google = types.ModuleType("google")
    google.__path__ = []
    google.colab = types.ModuleType("google.colab")
    google.colab.__path__ = []
    google.colab.output = types.ModuleType("google.colab.output")
    google.colab.output._widgets = manager = widget_manager()
    for name in ("enable_custom_widget_manager", "disable_custom_widget_manager"):
        setattr(google.colab.output, name, getattr(manager, name))
    for module in (google, google.colab, google.colab.output, manager):
        sys.modules[module.__name__] = module


class Shell(ZMQInteractiveShell):
    """Colab's shell, as far as `%pip` needs it."""

    def system(self, command: str) -> None:
        """Run a command; the book's repository is the wheel in BOOK_WHEEL."""
        turned = command.replace(os.environ["BOOK_REPO"], os.environ["BOOK_WHEEL"])
        super().system(turned)


# As in Colab, where its name tells libraries the place
Shell.__module__ = "google.colab._shell"


class Kernel(IPythonKernel):
    """Colab's kernel: its own shell."""

    shell_class = Shell


if __name__ == "__main__":
    install_stand_in()
    launch_new_instance(kernel_class=Kernel)
