"""What the workers of these tests run."""

from __future__ import annotations

import os

from celery import Celery


def multiply(a: int, b: int) -> int:
    return a * b


def fail() -> None:
    raise ValueError("as asked")


URL = os.environ.get("KVDDEV_TEST_URL", "redis://127.0.0.1:1")
app = Celery("kvd-test", broker=f"{URL}/1", backend=f"{URL}/2")
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task  # type: ignore[untyped-decorator]
def add(a: int, b: int) -> int:
    return a + b


@app.task  # type: ignore[untyped-decorator]
def explode() -> None:
    raise RuntimeError("as asked")
