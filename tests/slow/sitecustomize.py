"""On PYTHONPATH of a run, this makes decoding wait: SLOW_DECODE seconds before the first reply.

With FAIL_DECODE it then fails with that sentence.
"""

import importlib.util
import os
import sys
import time

SLOWED = "scripts.models.generation"


class Slow:
    """Finds the module that decodes, and changes its function once it is loaded."""

    def find_spec(self, name, path, target=None):
        if name != SLOWED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            generate = module.generate

            def slow(*arguments, **more):
                time.sleep(float(os.environ["SLOW_DECODE"]))
                if "FAIL_DECODE" in os.environ:
                    from scripts.core.errors import AuditError

                    raise AuditError(os.environ["FAIL_DECODE"])
                yield from generate(*arguments, **more)

            module.generate = slow

        spec.loader.exec_module = exec_module
        return spec


if "SLOW_DECODE" in os.environ:
    sys.meta_path.insert(0, Slow())
