"""Arrow's buffers of some rows, filled a value at a time by whoever decodes a wire."""

from libc.stdint cimport int32_t


cdef struct Column:
    int width               # bytes of a value; 0: of any length
    unsigned char* values
    size_t size             # bytes of `values` that are filled
    size_t capacity
    int32_t* ends           # where each value ends, one more than rows; only when of any length
    unsigned char* valid    # a bit per row, least significant first
    unsigned char* lost     # the same: the value cannot be represented, and is NULL instead
    Py_ssize_t nulls
    Py_ssize_t losses


cdef class Columns:
    cdef Column* columns
    cdef readonly int count
    cdef readonly Py_ssize_t rows
    cdef Py_ssize_t most_rows
    cdef size_t most_bytes
    cdef size_t texts       # bytes of all values of any length

    cdef bint is_full(self) noexcept nogil
    cdef unsigned char* place(self, int number) noexcept nogil
    cdef void put_null(self, int number) noexcept nogil
    cdef void put_lost(self, int number) noexcept nogil
    cdef int put_bytes(self, int number, const unsigned char* value, size_t size) except -1 nogil
    cdef void end_row(self) noexcept nogil
    cdef void _forget(self, Column* column, Py_ssize_t bits) noexcept
