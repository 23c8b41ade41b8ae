//! What several methods share: metrics, overlap and quality of texts, preparation of texts.

pub mod bag_of_words;
pub mod bootstrap;
pub mod correlation;
pub mod histogram;
pub mod overlap;
pub mod quality;
pub mod roc;
pub mod tables;
pub mod texts;
pub mod zlib;
