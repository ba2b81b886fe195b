"""Large blocks on huge pages. See pages.h."""

cdef extern from "kvd/core/pages.h" nogil:
    void use_huge_pages "kvd_use_huge_pages" (void *p, size_t n) noexcept
