"""redis-py's client classes on the engine in this process: `kvd.Redis` and `kvd.asyncio.Redis`."""
