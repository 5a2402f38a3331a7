# cython: boundscheck=False, wraparound=False, cdivision=True
"""Arrow's buffers of some rows (arrow.apache.org/docs/format/Columnar.html).

Fixed buffers are as long as a batch may have rows; only the bytes of texts grow, and a batch ends when they are as many
as it may have.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport INT32_MAX, int32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset


cdef class Columns:
    def __cinit__(self, widths, Py_ssize_t most_rows, size_t most_bytes):
        cdef Py_ssize_t at
        cdef Column* column
        self.count = len(widths)
        self.rows = 0
        self.most_rows = most_rows
        self.most_bytes = most_bytes
        self.texts = 0
        self.columns = <Column*>calloc(max(self.count, 1), sizeof(Column))
        if self.columns is NULL:
            raise MemoryError
        for at in range(self.count):
            column = &self.columns[at]
            column.width = widths[at]
            column.valid = <unsigned char*>malloc(most_rows // 8 + 1)
            column.lost = <unsigned char*>calloc(most_rows // 8 + 1, 1)
            column.capacity = most_rows * column.width if column.width else 1 << 12
            column.values = <unsigned char*>malloc(column.capacity)
            if not column.width:
                column.ends = <int32_t*>malloc((most_rows + 1) * sizeof(int32_t))
            if column.valid is NULL or column.lost is NULL or column.values is NULL:
                raise MemoryError
            if not column.width:
                if column.ends is NULL:
                    raise MemoryError
                column.ends[0] = 0
            memset(column.valid, 0xFF, most_rows // 8 + 1)

    def __dealloc__(self):
        cdef int at
        if self.columns is not NULL:
            for at in range(self.count):
                free(self.columns[at].values)
                free(self.columns[at].ends)
                free(self.columns[at].valid)
                free(self.columns[at].lost)
            free(self.columns)

    cdef bint is_full(self) noexcept nogil:
        return self.rows >= self.most_rows or self.texts >= self.most_bytes

    cdef unsigned char* place(self, int number) noexcept nogil:
        """Where the value of a column of fixed width stands in this row."""
        cdef Column* column = &self.columns[number]
        return column.values + self.rows * column.width

    cdef void put_null(self, int number) noexcept nogil:
        cdef Column* column = &self.columns[number]
        column.valid[self.rows >> 3] &= ~(1 << (self.rows & 7))
        column.nulls += 1
        if column.width:
            memset(column.values + self.rows * column.width, 0, column.width)
        else:
            column.ends[self.rows + 1] = column.ends[self.rows]

    cdef void put_lost(self, int number) noexcept nogil:
        cdef Column* column = &self.columns[number]
        self.put_null(number)
        column.lost[self.rows >> 3] |= 1 << (self.rows & 7)
        column.losses += 1

    cdef int put_bytes(self, int number, const unsigned char* value, size_t size) except -1 nogil:
        """Raises `OverflowError` where a batch would have more bytes than Arrow's short offsets reach."""
        cdef Column* column = &self.columns[number]
        cdef size_t needed = column.size + size
        cdef unsigned char* grown
        if needed > column.capacity:
            if needed > INT32_MAX:
                with gil:
                    raise OverflowError("a value is larger than two gigabytes")
            grown = <unsigned char*>realloc(column.values, needed + needed // 2)
            if grown is NULL:
                with gil:
                    raise MemoryError
            column.values = grown
            column.capacity = needed + needed // 2
        memcpy(column.values + column.size, value, size)
        column.size = needed
        column.ends[self.rows + 1] = <int32_t>needed
        self.texts += size
        return 0

    cdef void end_row(self) noexcept nogil:
        self.rows += 1

    def take(self):
        """The rows so far, which are forgotten here: for each column its buffers, NULLs and losses; see the stub."""
        cdef int at
        cdef Column* column
        cdef Py_ssize_t bits = (self.rows + 7) // 8
        taken = []
        for at in range(self.count):
            column = &self.columns[at]
            valid = PyBytes_FromStringAndSize(<char*>column.valid, bits) if column.nulls else None
            lost = PyBytes_FromStringAndSize(<char*>column.lost, bits) if column.losses else None
            if column.width:
                buffers = (valid, PyBytes_FromStringAndSize(<char*>column.values, self.rows * column.width))
            else:
                ends = PyBytes_FromStringAndSize(<char*>column.ends, (self.rows + 1) * sizeof(int32_t))
                buffers = (valid, ends, PyBytes_FromStringAndSize(<char*>column.values, column.size))
            taken.append((buffers, column.nulls, lost))
            self._forget(column, bits)
        self.rows = 0
        self.texts = 0
        return taken

    cdef void _forget(self, Column* column, Py_ssize_t bits) noexcept:
        cdef size_t kept = 4 * self.most_bytes
        cdef unsigned char* shrunk
        if column.nulls:
            memset(column.valid, 0xFF, bits)
        if column.losses:
            memset(column.lost, 0, bits)
        column.nulls = column.losses = 0
        if not column.width:
            column.size = 0
            if column.capacity > kept:  # one huge value does not stay for the rest of the table
                shrunk = <unsigned char*>realloc(column.values, kept)
                if shrunk is not NULL:
                    column.values = shrunk
                    column.capacity = kept
