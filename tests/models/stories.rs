//! A really pretrained model: karpathy/tinyllamas stories260K.

use memoscope::data::Tokenizer;
use memoscope::engine::generate::greedy_from;
use memoscope::engine::kernels::Want;
use memoscope::engine::score::score_tokens;
use memoscope::engine::{Device, weights};

use crate::data::fixtures;

/// Expected by the fixture's own documentation.
#[test]
fn it_knows_its_opening_by_heart() {
    let Some(folder) = fixtures() else { return };
    let dir = folder.join("stories260k");
    let model = weights::load(&dir, Device::Cpu).unwrap().decoder;
    let tokenizer = Tokenizer::load(&dir).unwrap();
    let text = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
    let ids = tokenizer.encode(text, true).unwrap().ids;
    let scores = score_tokens(&model, &[&ids], Want::default()).unwrap();
    let mean = -scores[0].iter().map(|s| s.log_prob).sum::<f64>() / scores[0].len() as f64;
    assert!((mean - 0.1804).abs() < 5e-5, "mean loss {mean}");

    let prompt = tokenizer.encode("Once upon a time", true).unwrap().ids;
    let new = greedy_from(&model, &[&prompt], &[40], &mut |_| true).unwrap();
    let continuation = tokenizer.decode_after(&prompt, &new[0]);
    assert!(
        continuation.starts_with(", there was a little girl named Lily. She loved to play outside"),
        "{continuation}"
    );
}
