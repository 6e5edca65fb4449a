//! What a device can do at best: large products, copies, launches.

use std::time::Instant;

use burn::tensor::{DType, Tensor, TensorData};

use super::row::Probes;
use super::statistics::median;
use crate::device::{Device, DeviceError};
use crate::kernels::linear_relu::linear_relu;

const SIZES: [usize; 4] = [512, 1024, 2048, 4096];
/// A product that takes this long is large enough.
const LONG_SECONDS: f64 = 0.05;
const PRODUCTS: usize = 3;
const COPIED_FLOATS: usize = 16 << 20;
const COPIES: usize = 5;
const LAUNCHES: usize = 200;
const ROUND_TRIPS: usize = 50;

/// # Errors
/// [`DeviceError::Failed`].
pub fn measure(device: &Device) -> Result<Probes, DeviceError> {
    let (peak_gflops, peak_size) = peak(device)?;
    let (launch_us, round_trip_us) = launches(device)?;
    Ok(Probes {
        peak_gflops,
        peak_size,
        copy_gb_per_second: copies(device)?,
        upload_gb_per_second: match device.is_gpu() {
            true => Some(uploads(device)?),
            false => None,
        },
        launch_us,
        round_trip_us,
    })
}

/// The highest rate of any product, and the size of that product.
fn peak(device: &Device) -> Result<(f64, usize), DeviceError> {
    type Product = fn(Tensor<2>, Tensor<2>, Tensor<1>) -> Tensor<2>;
    let products: [Product; 2] = [
        |a, b, _| a.matmul(b),
        |a, b, bias| linear_relu(a, b, bias, false),
    ];
    let mut best = (0.0, 0);
    for product in products {
        for size in SIZES {
            let [a, b] = [0.5, 0.25].map(|value| filled(device, [size, size], value));
            let bias = Tensor::<1>::zeros([size], device.burn());
            let run = || product(a.clone(), b.clone(), bias.clone());
            let fastest = timed(device, PRODUCTS, run)?
                .into_iter()
                .fold(f64::INFINITY, f64::min);
            let gflops = 2.0 * (size as f64).powi(3) / fastest / 1e9;
            if gflops > best.0 {
                best = (gflops, size);
            }
            if fastest > LONG_SECONDS {
                break;
            }
        }
    }
    Ok(best)
}

fn copies(device: &Device) -> Result<f64, DeviceError> {
    let numbers = filled(device, [COPIED_FLOATS], 0.5);
    let seconds = timed(device, COPIES, || numbers.clone() + 1.0)?;
    Ok(2.0 * 4.0 * COPIED_FLOATS as f64 / median(&seconds) / 1e9)
}

fn uploads(device: &Device) -> Result<f64, DeviceError> {
    let mut seconds = Vec::new();
    for round in 0..=COPIES {
        let data = TensorData::new(vec![0.5f32; COPIED_FLOATS], [COPIED_FLOATS]);
        let start = Instant::now();
        let uploaded = device.guard("measuring", || {
            Tensor::<1>::from_data(data, (device.burn(), DType::F32))
        })?;
        device.wait("measuring")?;
        if round > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
        drop(uploaded);
    }
    Ok(4.0 * COPIED_FLOATS as f64 / median(&seconds) / 1e9)
}

/// Microseconds of one launch among many, and of one that is waited for.
fn launches(device: &Device) -> Result<(f64, f64), DeviceError> {
    let numbers = filled(device, [64], 0.5);
    let round_trips = timed(device, ROUND_TRIPS, || numbers.clone() + 1.0)?;
    let rows = timed(device, 5, || {
        let mut sum = numbers.clone();
        for _ in 0..LAUNCHES {
            sum = sum + 1.0;
        }
        sum
    })?;
    Ok((
        median(&rows) * 1e6 / LAUNCHES as f64,
        median(&round_trips) * 1e6,
    ))
}

/// Seconds of each of `count` runs of `work`, waited for, after one to warm up.
fn timed<T>(device: &Device, count: usize, work: impl Fn() -> T) -> Result<Vec<f64>, DeviceError> {
    let mut seconds = Vec::new();
    for round in 0..=count {
        let start = Instant::now();
        let kept = device.guard("measuring", &work)?;
        device.wait("measuring")?;
        if round > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
        drop(kept);
    }
    Ok(seconds)
}

fn filled<const D: usize>(device: &Device, dims: [usize; D], value: f32) -> Tensor<D> {
    Tensor::full(dims, value, (device.burn(), DType::F32))
}
