//! The protocol buffers of an event file, as far as they are written here (TensorFlow's
//! `event.proto` and `summary.proto`).

/// `tensorflow.Event`: a point in time of a training.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Steps trained so far.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// What it tells.
    #[prost(oneof = "event::What", tags = "3, 5, 7")]
    pub what: Option<event::What>,
}

/// What an event may hold.
pub mod event {
    /// `tensorflow.Event.what`.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum What {
        /// The format of the file.
        #[prost(string, tag = "3")]
        FileVersion(String),
        /// Values of a step.
        #[prost(message, tag = "5")]
        Summary(super::Summary),
        /// That a training starts.
        #[prost(message, tag = "7")]
        SessionLog(super::SessionLog),
    }
}

/// `tensorflow.SessionLog`: that a training starts, or starts again at a step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SessionLog {
    /// 1: start.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// `tensorflow.Summary`: values of a step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Summary {
    /// Those of the step.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// `tensorflow.Summary.Value`: a value under its tag.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// Its name.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// The value.
    #[prost(oneof = "value::What", tags = "2, 4")]
    pub what: Option<value::What>,
}

/// What a value may be.
pub mod value {
    /// `tensorflow.Summary.Value.value`.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum What {
        /// A number.
        #[prost(float, tag = "2")]
        SimpleValue(f32),
        /// An image.
        #[prost(message, tag = "4")]
        Image(super::Image),
    }
}

/// `tensorflow.Summary.Image`: an image as PNG.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Image {
    /// Rows.
    #[prost(int32, tag = "1")]
    pub height: i32,
    /// Columns.
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// 3: RGB.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// PNG.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded: Vec<u8>,
}
