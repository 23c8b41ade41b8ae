//! What several methods share: metrics, overlap and quality of texts, preparation of texts.

pub mod alignment;
pub mod bag_of_words;
pub mod bootstrap;
pub mod continuations;
pub mod correlation;
pub mod histogram;
pub mod likelihood;
pub mod membership;
pub mod overlap;
pub mod paraphrases;
pub mod quality;
pub mod questions;
pub mod roc;
pub mod roc_figures;
pub mod tables;
pub mod texts;
pub mod wilson;
pub mod zlib;
