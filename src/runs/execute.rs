//! Carries a plan out in its run folder.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Experiment;
use super::clock::now;
use super::host::{Control, RunHost};
use super::inputs::{self, Access};
use super::plan::{self, Plan, PlannedStep, Ready};
use super::store::{self, RunDir, RunLock, SavedReport, SavedStep, State};
use crate::data::{DataSpec, Dataset, load};
use crate::engine::relief;
use crate::error::{Error, Result};
use crate::methods::{self, Context, Host as _, InputKind, LoadedModel, Method};

/// Works on a new run whose plan was just made.
pub fn execute(run: &RunDir, ready: Ready, control: Control) -> Result<SavedReport> {
    let lock = run.lock()?;
    work(run, lock, control, || Ok(ready))
}

/// Begins a queued run or goes on with an interrupted one; a finished one is left as it is. The result
/// has the same bytes as that of an uninterrupted run.
///
/// # Errors
/// Another process works on it, or what it depends on changed since it began.
pub fn resume(run: &RunDir, access: &mut Access, control: Control) -> Result<SavedReport> {
    let lock = run.lock()?;
    if run.status(now())?.state == State::Done
        && let Some(report) = SavedReport::read(run)?
    {
        return Ok(report);
    }
    work(run, lock, control, || {
        let experiment = run.experiment()?;
        set_threads(&experiment);
        let earlier: Option<Plan> = run.plan_path().exists().then(|| store::read_json(&run.plan_path())).transpose()?;
        let ready = plan::plan(&experiment, access, earlier.as_ref())?;
        if let Some(earlier) = earlier {
            ready.plan.check_same(&earlier)?;
        }
        Ok(ready)
    })
}

fn work(run: &RunDir, lock: RunLock, control: Control, ready: impl FnOnce() -> Result<Ready>) -> Result<SavedReport> {
    let mut host = RunHost::begin(run, control)?;
    let result = ready().and_then(|ready| run_steps(run, &ready, &mut host));
    let result = host.finish(result);
    drop(lock);
    result
}

fn run_steps(run: &RunDir, ready: &Ready, host: &mut RunHost) -> Result<SavedReport> {
    store::write_json(&run.plan_path(), &ready.plan)?;
    for warning in &ready.plan.warnings {
        host.warn(warning);
    }
    check_threads(ready.plan.threads, host);
    let (device, precision) = (ready.plan.device.clone(), ready.plan.precision.clone());
    let fresh = SavedReport { device, precision, ..SavedReport::new(&ready.plan.name, ready.plan.seed) };
    let mut report = SavedReport::read(run)?.filter(|kept| kept.program == fresh.program).unwrap_or(fresh);
    for (index, step) in ready.plan.steps.iter().enumerate().skip(report.steps.len()) {
        let saved = run_step(run, ready, (index, step), &report, host)?;
        report.steps.push(saved);
        report.complete = report.steps.len() == ready.plan.steps.len();
        store::write_json(&run.report_path(), &report)?;
    }
    Ok(report)
}

/// Runs one step; `earlier` holds those before it.
fn run_step(
    run: &RunDir,
    ready: &Ready,
    (index, step): (usize, &PlannedStep),
    earlier: &SavedReport,
    host: &mut RunHost,
) -> Result<SavedStep> {
    let method = methods::find(&step.method)?;
    let models = load_models(run, &ready.plan, step, earlier, host)?;
    let data = collect_data(run, ready, step, earlier)?;
    check_made(&ready.plan, step, &models, &data)?;
    let prefix = if ready.plan.steps.len() > 1 { format!("{index}-") } else { String::new() };
    host.place = inputs::parse_place(&ready.plan.device, &ready.plan.precision)?;
    host.set_step(index, &format!("{index}-{}", step.method), &prefix);
    let mut cx = Context {
        host: &mut *host,
        seed: ready.plan.seed,
        models: &models,
        data: &data,
        step: format!("{index}-{}", step.method),
    };
    let result = guarded(method, step, &mut cx);
    for note in relief::take_notes() {
        host.warn(&note);
    }
    let mut report = result?;
    host.check_weights()?;
    report.notes.extend(ready.plan.warnings.iter().cloned());
    let mut saved = store::save_step(run, &prefix, method.card(), &step.config, &report)?;
    saved.tables.extend(host.finish_tables()?);
    Ok(saved)
}

/// Runs the method; a panic inside becomes an error, so that the run ends in a state and not in the middle.
fn guarded(method: &dyn Method, step: &PlannedStep, cx: &mut Context<'_>) -> Result<methods::Report> {
    let result = catch_unwind(AssertUnwindSafe(|| method.run(&step.config, cx)));
    result.unwrap_or_else(|payload| Err(Error::bug(format!("{} panicked: {}", step.method, panic_text(&*payload)))))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

fn load_models(
    run: &RunDir,
    plan: &Plan,
    step: &PlannedStep,
    earlier: &SavedReport,
    host: &mut RunHost,
) -> Result<BTreeMap<String, Vec<LoadedModel>>> {
    let place = inputs::parse_place(&plan.device, &plan.precision)?;
    let mut slots: BTreeMap<String, Vec<LoadedModel>> = BTreeMap::new();
    let mut files = Vec::new();
    for (slot, input) in methods::find(&step.method)?.inputs().iter().map(|input| (input.name, input)) {
        if input.kind != InputKind::Model {
            continue;
        }
        for name in step.inputs.get(slot).into_iter().flatten() {
            let (shown, folder) = match (plan.models.get(name), plan.made_models.get(name)) {
                (Some(model), _) => (model.name.as_str(), model.path.clone()),
                (None, Some(output)) => {
                    (name.as_str(), output.model(run, earlier).map_err(|e| e.context(&format!("model `{name}`")))?)
                }
                (None, None) => continue,
            };
            let (model, report) = inputs::load_watched(shown, &folder, place)?;
            slots.entry(slot.to_owned()).or_default().push(model);
            files.push(report);
        }
    }
    host.watch_weights(files);
    Ok(slots)
}

fn collect_data(
    run: &RunDir,
    ready: &Ready,
    step: &PlannedStep,
    earlier: &SavedReport,
) -> Result<BTreeMap<String, Vec<Dataset>>> {
    let mut slots: BTreeMap<String, Vec<Dataset>> = BTreeMap::new();
    for (slot, input) in methods::find(&step.method)?.inputs().iter().map(|input| (input.name, input)) {
        if input.kind != InputKind::Data {
            continue;
        }
        for name in step.inputs.get(slot).into_iter().flatten() {
            let set = match (ready.data.get(name), ready.plan.made_data.get(name)) {
                (Some(set), _) => set.clone(),
                (None, Some(output)) => {
                    let file = output.data(run, earlier).map_err(|e| e.context(&format!("data `{name}`")))?;
                    load(&file, &DataSpec::default())?
                }
                (None, None) => continue,
            };
            slots.entry(slot.to_owned()).or_default().push(set);
        }
    }
    Ok(slots)
}

/// What could not be checked when the plan was made, because it was not there: data has to fit the model.
fn check_made(
    plan: &Plan,
    step: &PlannedStep,
    models: &BTreeMap<String, Vec<LoadedModel>>,
    data: &BTreeMap<String, Vec<Dataset>>,
) -> Result<()> {
    let is_made = |name: &String| plan.made_models.contains_key(name) || plan.made_data.contains_key(name);
    let Some(model) = models.get("model").and_then(|models| models.first()) else { return Ok(()) };
    if !step.inputs.values().flatten().any(is_made) {
        return Ok(());
    }
    let (vocab_size, has_tokenizer) = (model.decoder.config.vocab_size, model.tokenizer.is_some());
    data.values().flatten().try_for_each(|set| {
        plan::check_data_fits(set, &model.name, &model.path, vocab_size, has_tokenizer).map_err(|e| e.at(&set.path))
    })
}

/// Sets the number of processor threads of this process, once and before anything is computed; results do
/// not depend on it. Fails silently when it is set already: the run then says how many it has.
pub fn set_threads(experiment: &Experiment) {
    if let Some(threads) = experiment.threads {
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
}

fn check_threads(threads: usize, host: &mut RunHost) {
    let present = rayon::current_num_threads();
    if present != threads {
        host.log(&format!("computes with {present} threads instead of {threads}"));
    }
}
