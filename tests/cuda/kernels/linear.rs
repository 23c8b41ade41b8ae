//! Products and sums.

use memoscope_engine::Kernels as _;
use memoscope_engine::kernels::Rows;
use memoscope_engine::model::Orientation;

use super::{Arg, CPU, TOLERANCE, close, device, elements, noise, tensor, weight};

/// Rows, inner length and columns: nothing, one, and around the tile of 64 and the chain of 256.
const SHAPES: [[usize; 3]; 8] =
    [[1, 1, 1], [3, 5, 7], [64, 64, 64], [65, 256, 63], [2, 257, 130], [70, 300, 1], [1, 1030, 66], [5, 0, 3]];

#[test]
fn gemm_has_the_order_of_the_processor() {
    let Some(device) = device() else { return };
    for (salt, [m, k, n]) in SHAPES.into_iter().enumerate().map(|(i, s)| (10 * i as u64, s)) {
        for orientation in [Orientation::OutIn, Orientation::InOut] {
            let is_out_in = matches!(orientation, Orientation::OutIn);
            let x = tensor(&[m, k], salt, false);
            let w = weight(&if is_out_in { [n, k] } else { [k, n] }, orientation, salt + 1, false);
            let b = weight(&[n], Orientation::OutIn, salt + 2, false);
            let mut want = tensor(&[m, n], salt + 3, false);
            CPU.linear(&mut want, &x, &w, Some(&b)).unwrap();
            let [c, a, w, bias] = [
                device.stale(4 * m * n),
                device.upload(x.value()),
                device.upload(&w.values()),
                device.upload(&b.values()),
            ];
            let (b_j, b_k) = if is_out_in { (k, 1) } else { (1, n) };
            let sizes = [m, n, k, k, 1, b_j, b_k, n].map(Arg::size);
            let grid = [n.div_ceil(64), m.div_ceil(64), 1];
            // from the bias; then once more on top; then from nothing
            for (start, products, biases) in [(1, 1.0, 1.0), (2, 2.0, 1.0), (0, 1.0, 0.0)] {
                let args = [&[c.arg(), a.arg(), w.arg(), bias.arg()][..], &sizes, &[Arg::Flag(start)]].concat();
                device.launch("gemm", grid, &args);
                let bias = b.values();
                let expect = |(i, w): (usize, &f32)| products * (w - bias[i % n]) + biases * bias[i % n];
                let want: Vec<f32> = want.value().iter().enumerate().map(expect).collect();
                close(&c.read::<f32>(), &want, 1e-5, &format!("gemm {m} {k} {n} start {start}"));
            }
        }
    }
}

#[test]
fn gemm_of_transposed_rows_is_the_weight_gradient() {
    let Some(device) = device() else { return };
    let (rows, o, c) = (300, 70, 33);
    let (x, dy) = (tensor(&[rows, c], 1, false), tensor(&[rows, o], 2, false));
    let w = weight(&[o, c], Orientation::OutIn, 3, false);
    let mut want = tensor(&[o, c], 4, false);
    let dw = device.upload(want.value());
    CPU.outer_acc(&mut want, &x, &dy, 7..290, &w).unwrap();
    let [x, dy] = [x, dy].map(|t| device.upload(t.value()));
    let sizes = [o, c, 283, 1, o, 1, c, c].map(Arg::size);
    let args = [&[dw.arg(), dy.after(7 * o), x.after(7 * c), Arg::NULL][..], &sizes, &[Arg::Flag(2)]].concat();
    device.launch("gemm", [c.div_ceil(64), o.div_ceil(64), 1], &args);
    close(&dw.read::<f32>(), want.value(), TOLERANCE, "dw");
}

#[test]
fn sums_over_rows_and_everything() {
    let Some(device) = device() else { return };
    for (rows, c) in [(1, 1), (63, 5), (130, 300), (0, 4)] {
        let x = tensor(&[rows, c], 5, false);
        let mut want = tensor(&[c], 6, false);
        let [db, on_device] = [device.upload(want.value()), device.upload(x.value())];
        CPU.column_sum_acc(&mut want, &x, 0..rows).unwrap();
        let n_parts = rows.div_ceil(64);
        let parts = device.stale(4 * n_parts * c);
        let args = [parts.arg(), on_device.arg(), Arg::size(rows), Arg::size(c)];
        device.launch("column_parts", elements(n_parts * c), &args);
        device.launch("add_parts", elements(c), &[db.arg(), parts.arg(), Arg::size(n_parts), Arg::size(c)]);
        close(&db.read::<f32>(), want.value(), TOLERANCE, "column sums");
    }
    for n in [1, 31, 32768, 70001] {
        let (a, b) = (tensor(&[n], 7, false), tensor(&[n], 8, false));
        let blocks = n.div_ceil(32768);
        let out = device.stale(8 * blocks);
        let [x, y] = [&a, &b].map(|t| device.upload(t.value()));
        device.launch("dot", [blocks, 1, 1], &[out.arg(), x.arg(), y.arg(), Arg::size(n)]);
        let (got, want) = (out.read::<f64>().iter().sum::<f64>(), CPU.dot(&a, &b).unwrap());
        assert!((got - want).abs() < 1e-11, "dot of {n}: {got}, not {want}");
    }
}

#[test]
fn gram_is_two_products_and_a_dot() {
    let Some(device) = device() else { return };
    let (a, b, c, o) = (37, 66, 19, 23);
    let [xa, xb] = [tensor(&[a, c], 1, false), tensor(&[b, c], 2, false)];
    let [ya, yb] = [tensor(&[a, o], 3, false), tensor(&[b, o], 4, false)];
    let product = |left: &[f32], right: &[f32], k: usize| {
        let [out, l, r] = [device.stale(4 * a * b), device.upload(left), device.upload(right)];
        let sizes = [a, b, k, k, 1, k, 1, b].map(Arg::size);
        let args = [&[out.arg(), l.arg(), r.arg(), Arg::NULL][..], &sizes, &[Arg::Flag(0)]].concat();
        device.launch("gemm", [b.div_ceil(64), a.div_ceil(64), 1], &args);
        out
    };
    let (x, y) = (product(xa.value(), xb.value(), c), product(ya.value(), yb.value(), o));
    let out = device.stale(8);
    device.launch("dot", [1, 1, 1], &[out.arg(), x.arg(), y.arg(), Arg::size(a * b)]);
    let side = |x, dy, n| Rows { x, dy, rows: 0..n };
    let want = CPU.gram(side(&xa, &ya, a), side(&xb, &yb, b)).unwrap();
    let got = out.read::<f64>()[0];
    assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "gram {got}, not {want}");
}

#[test]
fn copies_and_fills_touch_only_their_own() {
    let Some(device) = device() else { return };
    let (rows, cols) = (5, 7);
    let source = noise(rows * 9, 1);
    let [dst, src] = [device.upload(&vec![3.0f32; rows * 11]), device.upload(&source)];
    let sizes = [Arg::size(11), src.arg(), Arg::size(9), Arg::size(rows), Arg::size(cols)];
    device.launch("copy2d", elements(rows * cols), &[&[dst.arg()][..], &sizes].concat());
    let want = |i: usize| if i % 11 < cols { source[i / 11 * 9 + i % 11] } else { 3.0 };
    assert_eq!(dst.read::<f32>(), (0..rows * 11).map(want).collect::<Vec<_>>());
    device.launch("fill", elements(20), &[dst.arg(), Arg::Real(-1.5), Arg::size(20)]);
    let got = dst.read::<f32>();
    assert!(got[..20].iter().all(|x| *x == -1.5) && got[20] == want(20), "fill wrote {got:?}");
}
