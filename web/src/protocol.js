/**
 * @file The messages between the page and the worker, as types alone. A request carries an `id`;
 * its answer carries the same one and `ok`; a refusal has a line of `error`, and `lost: true` when
 * device, data and network are gone with a defect. Shares are fractions, not percents.
 */

/** @typedef {"auto" | "gpu" | "cpu"} DeviceChoice */
/** @typedef {"fused" | "burn"} Kernels */

/**
 * @typedef {object} DeviceInfo
 * @property {"gpu" | "cpu"} kind
 * @property {string} name
 * @property {string} [api]
 * @property {string} [adapterType]
 * @property {string} [driver]
 */

/**
 * @typedef {object} Preset
 * @property {string} name
 * @property {string} purpose
 * @property {{epochs: number, batchSize: number, learningRate: number, dataset: string, kernels: string}} defaults
 */

/**
 * @typedef {object} Opened
 * @property {DeviceInfo} device
 * @property {string | null} note What a visitor must know of the device: no WebGPU, a software adapter.
 * @property {Preset[]} presets
 */

/**
 * @typedef {object} DataSummary
 * @property {string} name
 * @property {number} train Images of each split.
 * @property {number} validation
 * @property {number} test
 * @property {string[]} classNames
 * @property {string | null} warning
 */

/**
 * One class against the rest; `null` stands where a statistic would divide by nothing.
 * @typedef {object} ClassStatistics
 * @property {string} label
 * @property {number} support
 * @property {number} tp
 * @property {number} tn
 * @property {number} fp
 * @property {number} fn
 * @property {number | null} precision
 * @property {number | null} specificity
 * @property {number | null} f1
 * @property {number | null} accuracy
 * @property {number | null} recall
 */

/** @typedef {{precision: number | null, recall: number | null, f1: number | null}} Averages */

/**
 * @typedef {object} Evaluation
 * @property {number} accuracy
 * @property {number} correct
 * @property {number} total
 * @property {number} loss
 * @property {number[][]} confusion Rows are the labels, columns the prediction.
 * @property {ClassStatistics[]} classes
 * @property {Averages} macro
 * @property {Averages} weighted
 * @property {{predicted: number[], actual: number[]}} first
 */

/**
 * @typedef {object} RunResult
 * @property {string} dataset
 * @property {number} parameters
 * @property {number} steps
 * @property {number} train_seconds
 * @property {number} images_per_second
 * @property {boolean} replayed Whether a step was recorded on the adapter, which those like it replayed.
 * @property {Evaluation | null} evaluation
 */

/**
 * @typedef {object} Trained
 * @property {RunResult} result
 * @property {boolean} interrupted
 * @property {string | null} note What a visitor must know of how it was trained.
 */

/**
 * @typedef {object} ProgressEvent
 * @property {"progress"} type
 * @property {number} epoch Counted from 1.
 * @property {number} step Steps done, all epochs together.
 * @property {number} steps Steps of the whole training.
 * @property {number} images
 * @property {number} learningRate
 * @property {number} loss
 * @property {number} accuracy
 * @property {number} imagesPerSecond
 */

/**
 * @typedef {object} EpochEvent
 * @property {"epoch"} type
 * @property {number} epoch
 * @property {number} trainLoss
 * @property {number} trainAccuracy
 * @property {number | null} validLoss
 * @property {number | null} validAccuracy
 * @property {number[][] | null} validConfusion Of the validation images; rows are the labels.
 * @property {number} seconds
 */

/** @typedef {ProgressEvent | EpochEvent} TrainingEvent */

/** @typedef {{index: number, pixels: Uint8Array, probabilities: number[]}} CellPicture */
/** @typedef {{height: number, width: number, channels: 1 | 3}} ImageShape */
/** @typedef {{pictures: CellPicture[], total: number, shape: ImageShape}} Cell */
/**
 * @typedef {object} DrawingRead
 * @property {number[]} box Left, top, width and height in pixels of the image.
 * @property {number[]} probabilities
 * @property {number | null} score How unfamiliar it looks; null where the weights do not tell.
 * @property {boolean} unsure It looks like none of the classes.
 */
/**
 * @typedef {object} Prediction
 * @property {number[]} probabilities Of the first drawing.
 * @property {Uint8Array} prepared What the network saw of it.
 * @property {ImageShape} shape Of that.
 * @property {boolean} blank
 * @property {string} reason Why nothing was read; empty where something was.
 * @property {DrawingRead[]} drawings In reading order.
 */
/** @typedef {{bytes: ArrayBuffer, fileName: string}} SavedWeights */

/**
 * @typedef {object} LoadedWeights
 * @property {number} parameters
 * @property {string | null} dataset What the network was trained on, where the file says so.
 * @property {string[]} classNames
 * @property {Evaluation | null} evaluation `null` without a test split at hand.
 */

/**
 * What each request asks with, beside `type` and `id`.
 * @typedef {object} Requests
 * @property {{device: DeviceChoice, kernels: Kernels}} open
 * @property {{source: "built-in", pictures: number} | {source: "files", name: string, files: {[fileName: string]: ArrayBuffer}}} data
 * @property {{preset: string, settings: {[key: string]: string}}} train
 * @property {{}} pause
 * @property {{}} resume
 * @property {{}} stop
 * @property {{actual: number, predicted: number, limit: number}} cell
 * @property {{pixels: Uint8ClampedArray, width: number, height: number}} predict
 * @property {{}} saveWeights
 * @property {{bytes: ArrayBuffer}} loadWeights
 */

/**
 * What each request is answered with.
 * @typedef {object} Answers
 * @property {Opened} open
 * @property {DataSummary} data
 * @property {Trained} train
 * @property {{}} pause
 * @property {{}} resume
 * @property {{}} stop
 * @property {Cell} cell
 * @property {Prediction} predict
 * @property {SavedWeights} saveWeights
 * @property {LoadedWeights} loadWeights
 */

export {};
