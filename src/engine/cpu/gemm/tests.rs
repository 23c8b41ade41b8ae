//! Products against sums in f64, and the promise that a row depends on itself alone.

use super::*;

const SIZES: [usize; 12] = [1, 2, 3, 7, 13, 17, 31, 33, 64, 65, 100, 257];

/// Numbers without a pattern that a wrong index could meet.
pub(crate) fn noise(len: usize, salt: u64) -> Vec<Real> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0) as Real
    };
    (0..len).map(|_| next()).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn turn(data: &[Real], rows: usize, cols: usize) -> Vec<Real> {
    (0..cols).flat_map(|j| (0..rows).map(move |i| data[i * cols + j])).collect()
}

/// a (m,k) · bᵀ (n,k), each handed over as it lies or turned.
fn product(m: usize, n: usize, k: usize, a: &[Real], b: &[Real], turned: [bool; 2]) -> Vec<Real> {
    let (at, bt) = (turn(a, m, k), turn(b, n, k));
    let a = if turned[0] { Matrix::turned(&at, m) } else { Matrix::new(a, k) };
    let b = if turned[1] { Matrix::turned(&bt, n) } else { Matrix::new(b, k) };
    let mut c = vec![7.0; m * n];
    gemm(&mut c, n, &Lhs::new(a, m, k), Packed::new(b, n, k).view(), Start::Zero);
    // a right-hand side that is used once may be read where it is
    let mut d = vec![7.0; m * n];
    gemm(&mut d, n, &Lhs::serial(a, m, k), Right::new(b, n, k).view(), Start::Zero);
    assert!(c == d, "a right-hand side as it lies differs at {m} x {n} x {k}");
    c
}

#[test]
fn odd_shapes_match_sums_in_f64_in_all_layouts() {
    for (s, &m) in SIZES.iter().enumerate() {
        for &n in &SIZES {
            let k = SIZES[(s * 5 + n) % SIZES.len()];
            let (a, b) = (noise(m * k, 1), noise(n * k, 2));
            let layouts = [[false, false], [false, true], [true, false], [true, true]];
            let c = layouts.map(|turned| product(m, n, k, &a, &b, turned));
            assert!(c.iter().all(|x| *x == c[0]), "layouts differ at {m} x {n} x {k}");
            for i in 0..m {
                for j in 0..n {
                    let exact: f64 = (0..k).map(|l| f64::from(a[i * k + l]) * f64::from(b[j * k + l])).sum();
                    let error = (f64::from(c[0][i * n + j]) - exact).abs();
                    assert!(error < 2e-5, "({i}, {j}) of {m} x {n} x {k} is off by {error}");
                }
            }
        }
    }
}

#[test]
fn starts_add_and_bias() {
    let (m, n, k) = (5, 37, 600);
    let (a, b, bias) = (noise(m * k, 3), noise(n * k, 4), noise(n, 5));
    let plain = product(m, n, k, &a, &b, [false, false]);
    let (lhs, rhs) = (Lhs::new(Matrix::new(&a, k), m, k), Packed::new(Matrix::new(&b, k), n, k));
    let mut c = vec![0.25; m * n];
    gemm(&mut c, n, &lhs, rhs.view(), Start::Add);
    let mut d = vec![0.0; m * n];
    gemm(&mut d, n, &lhs, rhs.view(), Start::Bias(&bias));
    for i in 0..m * n {
        assert!((c[i] - plain[i] - 0.25).abs() < 1e-5, "add at {i}");
        assert!((d[i] - plain[i] - bias[i % n]).abs() < 1e-5, "bias at {i}");
    }
}

#[test]
fn a_row_alone_has_the_bits_it_has_in_any_batch_and_on_any_number_of_threads() {
    let (m, n, k) = (67, 333, 770);
    let (a, b) = (noise(m * k, 6), noise(n * k, 7));
    let bits = |c: &[Real]| c.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let whole = bits(&pool(1).install(|| product(m, n, k, &a, &b, [false, false])));
    for threads in [2, 3] {
        let again = pool(threads).install(|| product(m, n, k, &a, &b, [false, false]));
        assert!(bits(&again) == whole, "{threads} threads differ from one");
    }
    for rows in 1..=30 {
        let start = (rows * 11) % (m - rows);
        let part = product(rows, n, k, &a[start * k..(start + rows) * k], &b, [false, false]);
        assert!(bits(&part) == whole[start * n..(start + rows) * n], "{rows} rows from {start} differ");
    }
}

#[test]
fn a_single_element_has_its_bits() {
    let (n, k) = (70, 700);
    let (a, b, bias) = (noise(k, 8), noise(n * k, 9), noise(n, 10));
    let packed = Packed::new(Matrix::new(&b, k), n, k);
    let mut c = vec![0.0; n];
    gemm(&mut c, n, &Lhs::new(Matrix::new(&a, k), 1, k), packed.view(), Start::Bias(&bias));
    for (j, &start) in bias.iter().enumerate() {
        let alone = element(&a, packed.view().column(j), start);
        assert_eq!(alone.to_bits(), c[j].to_bits(), "element {j}");
    }
}

#[test]
fn a_product_over_nothing_is_its_start() {
    let mut c = vec![3.0; 6];
    let (lhs, rhs) = (Lhs::new(Matrix::new(&[], 0), 2, 0), Packed::new(Matrix::new(&[], 0), 3, 0));
    gemm(&mut c, 3, &lhs, rhs.view(), Start::Bias(&[1.0, 2.0, 4.0]));
    assert_eq!(c, [1.0, 2.0, 4.0, 1.0, 2.0, 4.0]);
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
#[test]
fn kernels_agree() {
    if level() != Level::Avx512 {
        println!("skipped: no AVX-512 here");
        return;
    }
    // turned rows are read where they are, others are packed
    let shapes = [(1, 5, 3), (1, 128, 40), (2, 128, 70), (9, 40, 31), (14, 32, 256), (13, 31, 257)];
    for ((m, n, k), turned) in shapes.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let (a, b) = (noise(m * k, 11), noise(n * k, 12));
        let matrix = if turned { Matrix::turned(&a, m) } else { Matrix::new(&a, k) };
        let (lhs, rhs) = (Lhs::new(matrix, m, k), Packed::new(Matrix::new(&b, k), n, k));
        let run = |kernel: unsafe fn(&Tile<'_>)| {
            let mut c = vec![0.5; m * n];
            let panels = n.div_ceil(NR);
            let rows = lhs.panel(0, &(0..k));
            let tile = Tile {
                rows: m,
                panels,
                k,
                a: rows.data.as_ptr(),
                a_row: rows.row,
                a_step: rows.step,
                b: rhs.view().data.as_ptr(),
                b_step: NR,
                panel_stride: k * NR,
                c: c.as_mut_ptr(),
                ldc: n,
                cols: n,
                start: Start::Add,
            };
            // SAFETY: AVX-512 implies the rest; operands were packed for this shape.
            unsafe { kernel(&tile) }
            c
        };
        let wide = run(kernel_avx512::run);
        assert!(wide == run(kernel_avx2::run), "AVX2 differs at {m} x {n} x {k}");
        let portable = run(kernel_portable::run);
        assert!(wide.iter().zip(portable).all(|(a, b)| (a - b).abs() < 1e-4), "portable differs at {m} x {n} x {k}");
    }
}
