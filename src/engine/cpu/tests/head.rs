//! The head in chunks against whole logits, and sums against loops.

use super::*;
use crate::kernels::{Kernels as _, Rows, Want};

const ALL: Want = Want { rank: true, moments: true, top: 5 };

struct Setup {
    x: Tensor,
    w: Weight,
    b: Weight,
    targets: Vec<u32>,
}

/// A vocabulary of two and a bit chunks.
fn setup(n: usize) -> Setup {
    let (c, v) = (40, 2300);
    let targets = (0..n).map(|i| (i * 977 % v) as u32).collect();
    let orientation = Orientation::OutIn;
    Setup { x: tensor(&[n, c], 1), w: weight(&[v, c], orientation, 2), b: weight(&[v], orientation, 3), targets }
}

fn logits(s: &Setup) -> Tensor {
    let mut y = Tensor::stale(&[s.x.rows(), s.w.d_out()], false);
    CPU.linear(&mut y, &s.x, &s.w, Some(&s.b)).unwrap();
    y
}

fn log_probs(row: &[Real]) -> Vec<f64> {
    let top = row.iter().copied().fold(Real::NEG_INFINITY, Real::max);
    let total: f64 = row.iter().map(|z| (*z as f64 - top as f64).exp()).sum();
    row.iter().map(|z| *z as f64 - top as f64 - total.ln()).collect()
}

#[test]
fn token_scores_are_those_of_whole_logits() {
    let s = setup(30);
    let scores = CPU.token_scores(&s.x, &s.w, Some(&s.b), &s.targets, ALL).unwrap();
    let logits = logits(&s);
    for ((row, score), &target) in logits.value().chunks_exact(2300).zip(&scores).zip(&s.targets) {
        let (log_p, target) = (log_probs(row), target as usize);
        assert!((score.log_prob - log_p[target]).abs() < 1e-6, "log-probability {}", score.log_prob);
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
        assert_eq!(score.argmax as usize, order[0]);
        assert_eq!(score.rank.unwrap() as usize, order.iter().position(|&i| i == target).unwrap());
        assert_eq!(score.top.iter().map(|t| t.0 as usize).collect::<Vec<_>>(), order[..5]);
        assert!((score.top[3].1 - log_p[order[3]]).abs() < 1e-6, "top {:?}", score.top[3]);
        let mean: f64 = log_p.iter().map(|l| l.exp() * l).sum();
        let square: f64 = log_p.iter().map(|l| l.exp() * l * l).sum();
        let [mu, sigma2] = score.moments.unwrap();
        assert!((mu - mean).abs() < 1e-5 && (sigma2 - (square - mean * mean)).abs() < 1e-5, "moments {mu} {sigma2}");
    }
}

#[test]
fn a_score_depends_on_its_row_alone() {
    let s = setup(40);
    let together = CPU.token_scores(&s.x, &s.w, Some(&s.b), &s.targets, ALL).unwrap();
    for i in [0, 7, 39] {
        let x = Tensor::from_vec(&[1, 40], s.x.value()[i * 40..(i + 1) * 40].to_vec()).unwrap();
        let alone = CPU.token_scores(&x, &s.w, Some(&s.b), &s.targets[i..=i], ALL).unwrap();
        assert_eq!(alone[0], together[i]);
    }
}

#[test]
fn ties_go_to_the_lower_token() {
    let x = Tensor::from_vec(&[1, 1], vec![1.0]).unwrap();
    let mut values = vec![0.0; 1500];
    values[3] = 2.0;
    values[40] = 2.0;
    values[1400] = 2.0;
    let w = Weight::owned("w", &[1500, 1], Orientation::OutIn, values).unwrap();
    let want = Want { top: 3, ..ALL };
    for (target, rank) in [(3, 0), (40, 1), (1400, 2), (0, 3), (1499, 1499)] {
        let score = &CPU.token_scores(&x, &w, None, &[target], want).unwrap()[0];
        assert_eq!((score.argmax, score.rank), (3, Some(rank)), "target {target}");
        assert_eq!(score.top.iter().map(|t| t.0).collect::<Vec<_>>(), [3, 40, 1400]);
    }
}

#[test]
fn a_memorized_token_keeps_its_digits() {
    let x = Tensor::from_vec(&[1, 1], vec![1.0]).unwrap();
    let mut values = vec![0.0; 100];
    values[5] = 30.0;
    let w = Weight::owned("w", &[100, 1], Orientation::OutIn, values.clone()).unwrap();
    let score = &CPU.token_scores(&x, &w, None, &[5], Want::default()).unwrap()[0];
    let want = (99.0 * (-30.0f64).exp()).ln_1p();
    assert!((-score.log_prob / want - 1.0).abs() < 1e-6, "{} instead of -{want}", score.log_prob);
    let mut logits = Tensor::from_vec(&[1, 100], values).unwrap();
    let loss = CPU.cross_entropy(&mut logits, &[5], &[1.0]).unwrap()[0];
    assert!((loss / want - 1.0).abs() < 1e-6, "{loss} instead of {want}");
    let own = f64::from(logits.value()[5]);
    assert!((-own / want - 1.0).abs() < 1e-6, "gradient {own} instead of -{want}");
}

#[test]
fn broken_logits_are_not_hidden() {
    let x = Tensor::from_vec(&[1, 1], vec![Real::NAN]).unwrap();
    let w = weight(&[100, 1], Orientation::OutIn, 4);
    let score = &CPU.token_scores(&x, &w, None, &[5], Want::default()).unwrap()[0];
    assert!(score.log_prob.is_nan(), "{}", score.log_prob);
    let mut logits = Tensor::from_vec(&[1, 3], vec![0.0, Real::NAN, 1.0]).unwrap();
    assert!(CPU.cross_entropy(&mut logits, &[0], &[1.0]).unwrap()[0].is_nan(), "a loss is not NaN");
}

#[test]
fn head_gram_pairs_logit_gradients() {
    let s = setup(20);
    let weights: Vec<Real> = (0..20).map(|i| [1.0, 0.5, 0.0][i % 3]).collect();
    let mut gram = Tensor::stale(&[20, 20], false);
    CPU.head_gram(&mut gram, &s.x, &s.w, Some(&s.b), &s.targets, &weights).unwrap();
    let mut dlogits = logits(&s);
    CPU.cross_entropy(&mut dlogits, &s.targets, &weights).unwrap();
    let rows: Vec<&[Real]> = dlogits.value().chunks_exact(2300).collect();
    for i in 0..20 {
        for j in 0..20 {
            let want: f64 = rows[i].iter().zip(rows[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let got = f64::from(gram.value()[i * 20 + j]);
            assert!((got - want).abs() < 5e-6, "({i}, {j}): {got}, not {want}");
        }
    }
}

#[test]
fn gram_is_the_inner_product_of_weight_gradients() {
    let (x, dy) = (tensor(&[300, 7], 5), tensor(&[300, 9], 6));
    let w = weight(&[9, 7], Orientation::OutIn, 7);
    let gradient = |rows: std::ops::Range<usize>| {
        let mut dw = Tensor::zeros(&[9, 7], false);
        CPU.outer_acc(&mut dw, &x, &dy, rows, &w).unwrap();
        dw
    };
    let rows = |rows| Rows { x: &x, dy: &dy, rows };
    let got = CPU.gram(rows(0..250), rows(10..300)).unwrap();
    let want = CPU.dot(&gradient(0..250), &gradient(10..300)).unwrap();
    assert!((got / want - 1.0).abs() < 1e-5, "{got}, not {want}");
}

#[test]
fn refuses_what_does_not_fit() {
    let s = setup(3);
    let mut y = Tensor::zeros(&[3, 5], false);
    let error = CPU.linear(&mut y, &s.x, &s.w, None).unwrap_err().to_string();
    assert!(error.contains("[3, 5]") && error.contains("[2300, 40]"), "{error}");
    assert!(CPU.token_scores(&s.x, &s.w, None, &[0, 1, 2300], Want::default()).is_err(), "a target outside");
    assert!(CPU.embed_acc(&mut Tensor::zeros(&[1, 40], false), &s.w, &[2300]).is_err(), "an id outside");
}
