//! Taking over what the threads found.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use egui::Context;

use super::desk::{DeskCommand, Preview};
use super::log::Level;
use super::state::{MeasuredPair, Settings, Slot, Toast};
use super::window::Window;
use super::worker::{Answer, Ask, FileAnswer, Picture, Trouble};
use crate::methods::common::tables::counted;
use crate::methods::compare::Pair;

impl Window {
    /// Takes over the answers since the last frame.
    pub(super) fn take_answers(&mut self, ctx: &Context) {
        let engine: Vec<Answer> = self.engine.answers().collect();
        for answer in engine {
            self.take_answer(answer);
        }
        let files: Vec<FileAnswer> = self.reader.answers().collect();
        for answer in files {
            self.take_file_answer(ctx, answer);
        }
    }

    fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Loaded(path, Ok(card)) => {
                self.state.log.add(Level::Info, "engine", format!("opened {} in {:.2} s", card.name, card.seconds));
                for warning in &card.warnings {
                    self.state.log.add(Level::Warning, "engine", format!("{}: {warning}", card.name));
                }
                let Settings { recent_models, favorites, .. } = &mut self.state.settings;
                Settings::remember(recent_models, favorites, &path);
                self.state.unlearn.live = super::unlearn::LiveEdit::default();
                self.state.model = Slot::Ready(card);
                self.offer_model(&path);
                self.state.compare.changed = Some(Instant::now());
            }
            Answer::Loaded(path, Err(trouble)) => {
                self.say_trouble("engine", &trouble);
                self.state.model = Slot::Failed(path, trouble);
            }
            Answer::Measured(texts, measured) => self.take_measured(texts, measured),
            Answer::Aligned(texts, aligned) => {
                let is_shown = self
                    .state
                    .compare
                    .measured
                    .as_ref()
                    .is_some_and(|m| m.pair.sides[0].text == texts[0] && m.pair.sides[1].text == texts[1]);
                if is_shown {
                    self.state.compare.alignment = match aligned {
                        Ok(alignment) => Slot::Ready(Arc::from(alignment)),
                        Err(trouble) => Slot::Failed(std::path::PathBuf::default(), trouble),
                    };
                }
            }
            Answer::Stage(key, stage, done, total) => {
                let live = &mut self.state.unlearn.live;
                if live.key == Some(key) && live.facts.is_none() {
                    live.stage = Some((stage, done, total));
                }
            }
            Answer::Live(key, found) => self.take_live(key, found),
            Answer::Ratio(key, ratio, found) => self.take_ratio(key, ratio, found),
            Answer::Kept(path, written) => self.take_kept(path, written),
            Answer::Tokenized(tokens) => self.state.probe.tokens = Some(tokens),
            Answer::Continued(text, said) => {
                self.state.probe.is_busy = false;
                self.state.probe.continuation = Some((text, said));
            }
        }
    }

    fn take_measured(&mut self, texts: [String; 2], measured: Result<Box<Pair>, Trouble>) {
        let compare = &mut self.state.compare;
        compare.is_busy = compare.texts != texts;
        match measured {
            Ok(measured) => {
                self.serial += 1;
                compare.measured = Some(Arc::new(MeasuredPair { pair: *measured, serial: self.serial }));
                compare.trouble = None;
                compare.alignment = Slot::Empty;
                if texts.iter().all(|t| !t.trim().is_empty()) {
                    compare.alignment = Slot::Loading(std::path::PathBuf::default());
                    self.engine.ask(Ask::Align(texts));
                }
            }
            Err(trouble) => compare.trouble = Some(trouble),
        }
    }

    fn take_file_answer(&mut self, ctx: &Context, answer: FileAnswer) {
        match answer {
            FileAnswer::Data(path, read) => self.take_data(ctx, &path, read),
            FileAnswer::Counted(path, sheet) => {
                // Closed or read again meanwhile: then the lengths are of something else.
                let same = |s: &Arc<super::worker::DataSheet>| Arc::ptr_eq(&s.dataset, &sheet.dataset);
                if let Some(entry) =
                    self.state.data.iter_mut().find(|d| d.path == path && d.sheet.ready().is_some_and(same))
                {
                    entry.sheet = Slot::Ready(sheet);
                }
            }
            FileAnswer::Memory(used, total, busy) => {
                self.state.machine.busy = busy;
                self.state.machine.memory_used = used;
                self.state.machine.memory_total = total;
            }
            FileAnswer::Cards(cards) => self.state.machine.cards = Some(cards),
            FileAnswer::Log(lines) => {
                for line in lines {
                    self.state.log.push(line);
                }
            }
            FileAnswer::MadeRows(key, rows) => self.state.made.take(key, rows),
            FileAnswer::MadeData(path) => self.apply(ctx, super::command::Command::OpenData(path)),
            FileAnswer::Said(Ok(text)) => self.say(&text),
            FileAnswer::Said(Err(trouble)) => self.say_trouble("window", &trouble),
            FileAnswer::Preview(key, drawn) => self.take_preview(ctx, key, drawn),
            FileAnswer::Page(Ok(page)) => {
                self.state.desk.apply(DeskCommand::Replace(page));
                super::shell::show(&mut self.tree, super::views::ViewId::Figures);
            }
            FileAnswer::Page(Err(trouble)) => self.say_trouble("figures", &trouble),
            FileAnswer::Estimated(serial, needs) => {
                if serial == self.state.draft.serial {
                    self.state.draft.estimate = match needs {
                        Ok(needs) => Slot::Ready(Arc::from(needs)),
                        Err(trouble) => Slot::Failed(std::path::PathBuf::default(), trouble),
                    };
                }
            }
            FileAnswer::Experiment(experiment) => {
                self.apply(ctx, super::command::Command::Edit(super::draft::DraftCommand::Replace(experiment)));
            }
            answer => self.take_run_answer(answer),
        }
    }

    fn take_preview(&mut self, ctx: &Context, key: u64, drawn: Result<Picture, Trouble>) {
        let preview = match drawn {
            Ok((size, pixels)) => {
                let image = egui::ColorImage::from_rgba_unmultiplied(size, &pixels);
                Preview::Drawn(ctx.load_texture("preview", image, egui::TextureOptions::LINEAR))
            }
            Err(trouble) => Preview::Failed(trouble),
        };
        self.state.desk.preview = Some((key, preview));
        self.state.desk.asked = None;
    }

    fn take_data(&mut self, ctx: &Context, path: &Path, read: Result<Arc<super::worker::DataSheet>, Trouble>) {
        let slot = match read {
            Ok(sheet) => {
                let dataset = &sheet.dataset;
                let what = format!(
                    "{}: {}, {} left out",
                    dataset.name,
                    counted(dataset.records.len(), "row"),
                    dataset.bad.len()
                );
                let level = if dataset.bad.is_empty() { Level::Info } else { Level::Warning };
                self.state.log.add(level, "data", what);
                let Settings { recent_data, favorites, .. } = &mut self.state.settings;
                Settings::remember(recent_data, favorites, path);
                Slot::Ready(sheet)
            }
            Err(trouble) => {
                self.say_trouble("data", &trouble);
                Slot::Failed(path.to_owned(), trouble)
            }
        };
        let Some(index) = self.state.data.iter().position(|d| d.path == path) else { return };
        if let Some(entry) = self.state.data.get_mut(index) {
            entry.sheet = slot;
        }
        self.choose_data(ctx, index);
        self.count_tokens();
    }

    /// A short message.
    pub(super) fn say(&mut self, text: &str) {
        self.state.log.add(Level::Info, "window", text);
        let first = text.lines().next().unwrap_or_default().to_owned();
        self.state.toasts.push(Toast { text: first, is_bad: false, since: Instant::now() });
    }

    /// A short message about an error; the log has all of it.
    pub(super) fn say_trouble(&mut self, source: &str, trouble: &Trouble) {
        self.state.log.add(Level::Error, source, trouble.details());
        self.state.toasts.push(Toast { text: trouble.details(), is_bad: true, since: Instant::now() });
    }
}
