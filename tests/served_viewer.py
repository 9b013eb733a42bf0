"""The viewer on a real socket: addresses arrive as a browser sends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from harness.viewer.serving import LOCAL, listening
from harness.viewer.site import application


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a viewer of all runs below a folder."""
    with listening("127.0.0.1", 0) as listener:
        config = uvicorn.Config(application(root, LOCAL), lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
