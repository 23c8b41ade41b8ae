// Rows of a table in, rows of a table's gradient out; sums of tensors.
// Linear: called once for the values and once for the tangents.

// y (n,C) += rows `ids` of table. 1 thread = 1 element.
KERNEL(embed_acc)(float *y, const float *table, const u32 *ids, u64 n, u64 c) {
    for (u64 i = first_element(); i < n * c; i += element_stride()) y[i] += table[ids[i / c] * c + i % c];
}

// dtable rows ids[n] += row n of dy, for n in row_start..row_end. Grid (ceil(c/256), R): 1 thread = 1 column of the ids
// that leave the remainder blockIdx.y, so that the rows of one id are added in order and none is added twice.
KERNEL(embed_backward_acc)(float *dtable, const float *dy, const u32 *ids, u64 row_start, u64 row_end, u64 c) {
    u64 column = first_element();
    if (column >= c) return;
    for (u64 row = row_start; row < row_end; row++) {
        u64 id = ids[row];
        if (id % gridDim.y == blockIdx.y) dtable[id * c + column] += dy[row * c + column];
    }
}

// y += x. 1 thread = 1 element.
KERNEL(add)(float *y, const float *x, u64 n) {
    for (u64 i = first_element(); i < n; i += element_stride()) y[i] += x[i];
}
