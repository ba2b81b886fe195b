"""The loop of a network thread: wait, serve, tick. See loop.pyx."""

from kvd.server.connection cimport network

cdef void network_run(network *net) noexcept nogil       # until net.stopping
