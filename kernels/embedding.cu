// Rows of a table in, rows of a table's gradient out; sums of tensors.
// Linear: called once for the values and once for the tangents.

// y (n,C) += rows `ids` of table. 1 thread = 1 element.
KERNEL(embed_acc)(float *y, const float *table, const u32 *ids, u64 n, u64 c) {
    for (u64 i = first_element(); i < n * c; i += element_stride()) y[i] += table[ids[i / c] * c + i % c];
}

// One id, and where in `order` its rows are.
struct Group {
    u32 id, start, end;
};

// dtable rows id += the rows of dy that have it, in order. Grid (ceil(c/256), up to 65535): 1 thread = 1 column of an id.
KERNEL(embed_backward_acc)(float *dtable, const float *dy, const u32 *order, const Group *groups, u64 n_groups, u64 c) {
    u64 column = first_element();
    if (column >= c) return;
    for (u64 g = blockIdx.y; g < n_groups; g += gridDim.y) {
        Group group = groups[g];
        float total = dtable[group.id * c + column];
        for (u32 i = group.start; i < group.end; i++) total += dy[order[i] * c + column];
        dtable[group.id * c + column] = total;
    }
}

// y += x. 1 thread = 1 element.
KERNEL(add)(float *y, const float *x, u64 n) {
    for (u64 i = first_element(); i < n; i += element_stride()) y[i] += x[i];
}
