//! A pretrained model tells its story.

use memoscope::data::Tokenizer;
use memoscope::engine::generate::{GenerateConfig, Strategy, generate, never_stop};

use super::load;
use crate::data::fixtures;

#[test]
fn the_story_model_continues_its_stock_opening() {
    let Some(dir) = fixtures().map(|f| f.join("stories260k")) else { return };
    let (model, tokenizer) = (load(&dir), Tokenizer::load(&dir).unwrap());
    let bos: Vec<u32> = model.config.bos.into_iter().collect();
    let prompt = [bos, tokenizer.encode("Once upon a time", false).unwrap().ids].concat();
    let config = GenerateConfig { max_new_tokens: 60, ..GenerateConfig::default() };
    let out = generate(&model, std::slice::from_ref(&prompt), &config, &never_stop, &mut |_| true).unwrap();
    let text = tokenizer.decode_after(&prompt, &out[0][0].tokens);
    assert!(text.starts_with(", there was a little girl named Lily."), "{text}");

    // A stop string is a function of the tokens.
    let stop = |new: &[u32]| tokenizer.decode_after(&prompt, new).contains('.');
    let stopped = generate(&model, std::slice::from_ref(&prompt), &config, &stop, &mut |_| true).unwrap();
    assert_eq!(tokenizer.decode_after(&prompt, &stopped[0][0].tokens), ", there was a little girl named Lily.");

    // What was memorized comes out of sampling at low temperature too.
    let strategy = Strategy::Sample { temperature: 0.1, top_k: 40, top_p: 0.9 };
    let config = GenerateConfig { strategy, n_return: 4, ..config };
    let samples = generate(&model, std::slice::from_ref(&prompt), &config, &stop, &mut |_| true).unwrap();
    assert!(samples[0].iter().any(|s| s.tokens == stopped[0][0].tokens), "no sample is the greedy sentence");
}
