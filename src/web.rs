//! The surface of a [`Session`] for JavaScript: strings of JSON, typed arrays and promises in and
//! out. `web/src/worker.js` is its only caller; the message of every error is one line.

use std::cell::RefCell;
use std::time::Duration;

use js_sys::{Array, Float64Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_time::Instant;

use crate::config::DeviceKind;
use crate::data::ImageShape;
use crate::evaluation::Evaluation;
use crate::kernels::Kernels;
use crate::picture::Bounds;
use crate::session::{EpochMessage, Host, ProgressMessage, Session};
use crate::training::history::EpochRecord;
use crate::training::{Observer, Progress};

#[wasm_bindgen]
extern "C" {
    /// Who is told how a training goes, and says when it goes on.
    pub type Watcher;
    #[wasm_bindgen(method)]
    fn progress(this: &Watcher, message: &str);
    #[wasm_bindgen(method)]
    fn epoch(this: &Watcher, message: &str);
    /// Resolves when training is to go on: to whether it is to stop.
    #[wasm_bindgen(method)]
    fn rest(this: &Watcher) -> Promise;
}

thread_local! {
    static REPORT: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Has panics tell `report` their message: a module that panicked answers nothing more.
#[wasm_bindgen(js_name = reportPanics)]
pub fn report_panics(report: Function) {
    REPORT.set(Some(report));
    std::panic::set_hook(Box::new(|panic| {
        let text = JsValue::from_str(&panic.to_string());
        REPORT.with_borrow(|report| {
            let _ = report
                .as_ref()
                .map(|report| report.call1(&JsValue::NULL, &text));
        });
    }));
}

/// A session as JavaScript holds it.
#[wasm_bindgen]
#[derive(Default)]
pub struct Trainer {
    session: Session,
}

#[wasm_bindgen]
impl Trainer {
    /// Without device, data or network.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// `device`: auto, gpu or cpu; `kernels`: fused or burn; `host`: JSON of a [`Host`].
    pub async fn open(
        &mut self,
        device: String,
        kernels: String,
        host: String,
    ) -> Result<String, JsValue> {
        let kind: DeviceKind = word("device", &device)?;
        let kernels: Kernels = word("kernels", &kernels)?;
        let host: Host = serde_json::from_str(&host).map_err(refuse)?;
        let opened = self.session.open(kind, kernels, &host).await;
        json(&opened.map_err(refuse)?)
    }

    /// Takes the first `images` built-in digits to train on; JSON of what there is.
    #[wasm_bindgen(js_name = builtIn)]
    pub fn built_in(&mut self, images: u32) -> Result<String, JsValue> {
        let drawn = self.session.built_in(images as usize);
        json(&drawn.map_err(refuse)?)
    }

    /// `contents`: the bytes of each of the named files, as an `Uint8Array`.
    pub fn files(
        &mut self,
        name: &str,
        names: Vec<String>,
        contents: Array,
    ) -> Result<String, JsValue> {
        let contents = contents
            .iter()
            .map(|bytes| Uint8Array::new(&bytes).to_vec());
        let files: Vec<(String, Vec<u8>)> = names.into_iter().zip(contents).collect();
        let taken = self.session.files(name, &files);
        json(&taken.map_err(refuse)?)
    }

    /// `settings`: JSON of an object from keys to TOML values; `started`: the time in UTC.
    pub async fn train(
        &mut self,
        preset: String,
        settings: String,
        started: String,
        watcher: Watcher,
    ) -> Result<String, JsValue> {
        let settings: std::collections::BTreeMap<String, String> =
            serde_json::from_str(&settings).map_err(refuse)?;
        let settings: Vec<(String, String)> = settings.into_iter().collect();
        let mut watch = Watch::new(watcher);
        let trained = self
            .session
            .train(&preset, &settings, started, &mut watch)
            .await;
        json(&trained.map_err(refuse)?)
    }

    /// `{pictures: [{index, pixels: Uint8Array, probabilities: number[]}], total, shape}`; a shape is
    /// `{height, width, channels}`.
    pub fn cell(&self, actual: u32, predicted: u32, limit: u32) -> Result<JsValue, JsValue> {
        let cell = self
            .session
            .cell(actual as usize, predicted as usize, limit as usize)
            .map_err(refuse)?;
        let images: Array = cell
            .images
            .iter()
            .map(|image| {
                object(&[
                    ("index", JsValue::from_f64(image.index as f64)),
                    ("pixels", Uint8Array::from(&image.pixels[..]).into()),
                    ("probabilities", numbers(&image.probabilities)),
                ])
            })
            .collect();
        Ok(object(&[
            ("pictures", images.into()),
            ("total", JsValue::from_f64(cell.total as f64)),
            ("shape", shape(cell.shape)),
        ]))
    }

    /// `{probabilities: number[], prepared: Uint8Array, shape, blank, reason, drawings}` of RGBA pixels;
    /// a drawing is `{box: [left, top, width, height], probabilities: number[], score: number | null,
    /// unsure}`.
    pub async fn predict(
        &self,
        pixels: Vec<u8>,
        width: u32,
        height: u32,
    ) -> Result<JsValue, JsValue> {
        let read = self.session.predict(&pixels, width, height).await;
        let read = read.map_err(refuse)?;
        let drawings: Array = read
            .drawings
            .iter()
            .map(|drawing| {
                let Bounds {
                    left,
                    top,
                    width,
                    height,
                } = drawing.bounds;
                object(&[
                    ("box", numbers(&[left, top, width, height].map(f64::from))),
                    ("probabilities", numbers(&drawing.probabilities)),
                    (
                        "score",
                        drawing
                            .score
                            .map_or(JsValue::NULL, |score| JsValue::from_f64(f64::from(score))),
                    ),
                    ("unsure", JsValue::from_bool(drawing.unsure)),
                ])
            })
            .collect();
        Ok(object(&[
            ("probabilities", numbers(&read.probabilities)),
            ("prepared", Uint8Array::from(&read.prepared[..]).into()),
            ("shape", shape(read.shape)),
            ("blank", JsValue::from_bool(read.blank)),
            ("reason", JsValue::from_str(&read.reason)),
            ("drawings", drawings.into()),
        ]))
    }

    /// The bytes of a file of weights.
    #[wasm_bindgen(js_name = saveWeights)]
    pub fn save_weights(&self) -> Result<Vec<u8>, JsValue> {
        self.session.save_weights().map_err(refuse)
    }

    /// Takes the network from the bytes of a file of weights; JSON of what it is.
    #[wasm_bindgen(js_name = loadWeights)]
    pub async fn load_weights(&mut self, bytes: Vec<u8>) -> Result<String, JsValue> {
        let loaded = self.session.load_weights(&bytes).await;
        json(&loaded.map_err(refuse)?)
    }
}

/// Passes a training's news on. Its clock stands still while training rests.
struct Watch {
    watcher: Watcher,
    start: Instant,
    rested: Duration,
    told: Duration,
    images: usize,
    stopped: bool,
}

impl Watch {
    fn new(watcher: Watcher) -> Self {
        Self {
            watcher,
            start: Instant::now(),
            rested: Duration::ZERO,
            told: Duration::ZERO,
            images: 0,
            stopped: false,
        }
    }
}

impl Observer for Watch {
    fn now(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.rested)
    }

    fn interrupted(&self) -> bool {
        self.stopped
    }

    fn on_progress(&mut self, progress: &Progress) {
        let now = self.now();
        let seconds = (now - self.told).as_secs_f64();
        self.told = now;
        self.images += progress.images;
        let message = ProgressMessage::new(progress, self.images, seconds);
        if let Ok(text) = serde_json::to_string(&message) {
            self.watcher.progress(&text);
        }
    }

    fn on_epoch(&mut self, record: &EpochRecord, validation: Option<&Evaluation>) {
        if let Ok(text) = serde_json::to_string(&EpochMessage::new(record, validation)) {
            self.watcher.epoch(&text);
        }
    }

    async fn rest(&mut self) {
        let before = Instant::now();
        let stop = JsFuture::from(self.watcher.rest()).await;
        self.rested += before.elapsed();
        // A watcher that fails is gone, and nobody waits for the result.
        self.stopped |= stop.map_or(true, |stop| stop.is_truthy());
    }
}

fn word<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, JsValue> {
    serde_json::from_value(text.into()).map_err(|error| refuse(format!("{what}: {error}")))
}

fn refuse(error: impl std::fmt::Display) -> JsValue {
    JsValue::from_str(&error.to_string())
}

fn json(answer: &impl serde::Serialize) -> Result<String, JsValue> {
    serde_json::to_string(answer).map_err(refuse)
}

fn numbers(numbers: &[f64]) -> JsValue {
    Array::from(&Float64Array::from(numbers)).into()
}

fn shape(shape: ImageShape) -> JsValue {
    let side = |side: usize| JsValue::from_f64(side as f64);
    object(&[
        ("height", side(shape.height)),
        ("width", side(shape.width)),
        ("channels", side(shape.channels)),
    ])
}

fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in entries {
        // A plain object takes every property.
        let _ = Reflect::set(&object, &JsValue::from_str(key), value);
    }
    object.into()
}
