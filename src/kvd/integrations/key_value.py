"""A store for py-key-value-aio: `kvd.integrations.key_value.DiskCacheStore("app.kvd")` instead of its DiskStore.

Collections are tags of the `kvd.DiskCache`, so their keys can be listed and a collection can be removed without looking at others.
Values are JSON, as in the package's other stores. Calls do not wait for the disk unless synchronous="full", and then they block
the event loop for an fsync.
"""

from __future__ import annotations

from datetime import datetime, timezone
from os import PathLike
from typing import Any

from key_value.aio._utils.managed_entry import ManagedEntry
from key_value.aio.stores.base import (
    BaseContextManagerStore,
    BaseCullStore,
    BaseDestroyCollectionStore,
    BaseDestroyStore,
    BaseEnumerateCollectionsStore,
    BaseEnumerateKeysStore,
)

from kvd.diskcache import DiskCache


class DiskCacheStore(
    BaseEnumerateCollectionsStore, BaseEnumerateKeysStore, BaseDestroyStore, BaseDestroyCollectionStore, BaseCullStore,  # type: ignore[misc]
    BaseContextManagerStore,  # type: ignore[misc]
):  # fmt: skip
    """A store of py-key-value-aio in a kvd.DiskCache.

    path: the file; None: in memory. cache: a DiskCache to use instead, which close() does not close and which must have its tag
    index. default_collection: as in the package's stores. options: of the DiskCache, such as size_limit."""

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        cache: DiskCache | None = None,
        default_collection: str | None = None,
        **options: Any,
    ) -> None:
        if cache is not None and (path is not None or options):
            raise ValueError("give a cache, or a path and options, not both")
        self.cache = DiskCache(path, **options) if cache is None else cache
        if not self.cache.tag_index:
            raise ValueError("the DiskCache needs its tag index")
        super().__init__(default_collection=default_collection, client_provided_by_user=cache is not None, stable_api=True)

    async def _setup(self) -> None:
        if not self._client_provided_by_user:
            self._exit_stack.callback(self.cache.close)

    async def _get_managed_entry(self, *, key: str, collection: str) -> Any:
        text, expires = self.cache.get((collection, key), expire_time=True)
        if text is None:
            return None
        entry: ManagedEntry = self._serialization_adapter.load_json(json_str=text)
        entry.expires_at = None if expires is None else datetime.fromtimestamp(expires, tz=timezone.utc)
        return entry

    async def _put_managed_entry(self, *, key: str, collection: str, managed_entry: ManagedEntry) -> None:
        text = self._serialization_adapter.dump_json(entry=managed_entry, key=key, collection=collection)
        self.cache.set((collection, key), text, expire=managed_entry.ttl, tag=collection)

    async def _delete_managed_entry(self, *, key: str, collection: str) -> bool:
        return self.cache.delete((collection, key))

    async def _get_collection_keys(self, *, collection: str, limit: int | None = None) -> list[str]:
        return [key for _, key in self.cache.tagged(collection)][:limit]

    async def _get_collection_names(self, *, limit: int | None = None) -> list[str]:
        return self.cache.tags()[:limit]

    async def _delete_collection(self, *, collection: str) -> bool:
        return self.cache.evict(collection) > 0

    async def _delete_store(self) -> bool:
        self.cache.clear()
        return True

    async def _cull(self) -> None:
        self.cache.cull()
