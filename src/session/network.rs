//! The network of a session: evaluated, saved and loaded as the native commands do.

use serde::Serialize;

use super::words::one_line;
use super::{Checked, Session, SessionError};
use crate::checks::right_device::right_device;
use crate::checks::{self, Finding, Group, Scope};
use crate::config::{Architecture, Config, Layers};
use crate::device::Device;
use crate::evaluation::Evaluation;
use crate::evaluation::test_split::{Answers, answer};
use crate::kernels::Kernels;
use crate::model::Model;
use crate::runs::weights::{self, Description, WEIGHTS};
use crate::training::state::Parameters;

/// Weights, and what is needed to use them.
pub(super) struct Network {
    pub model: Model,
    pub parameters: Parameters,
    pub description: Description,
    pub config: Config,
    /// To the test images at hand.
    pub answers: Option<Answers>,
}

/// What was in a file of weights.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadedWeights {
    /// Numbers in the network.
    pub parameters: usize,
    /// The set they were trained on, where the file says so.
    pub dataset: Option<String>,
    /// One a class.
    pub class_names: Vec<String>,
    /// On the test images at hand, where their classes have the same names.
    pub evaluation: Option<Evaluation>,
}

impl Session {
    /// The weights as a file that the native commands read.
    ///
    /// # Errors
    /// [`SessionError`] without a network.
    pub fn save_weights(&self) -> Result<Vec<u8>, SessionError> {
        let network = self.network()?;
        weights::encode(&network.parameters, &network.description)
            .map_err(|reason| SessionError(format!("the weights could not be written: {reason}")))
    }

    /// Takes the network of a file that a native command or [`Self::save_weights`] wrote.
    ///
    /// # Errors
    /// [`SessionError`] says what is wrong with the file, or with the device.
    pub async fn load_weights(&mut self, bytes: &[u8]) -> Result<LoadedWeights, SessionError> {
        let (parameters, description) = weights::decode(bytes).map_err(|reason| {
            SessionError(format!(
                "the weights: {}; choose a {WEIGHTS} that gpu-mnist wrote",
                one_line(&reason)
            ))
        })?;
        let mut config = Layers::default().resolve()?;
        config.model = description.model.clone();
        config.device.kernels = self.device()?.kernels();
        let (device, _) = self.right_device(&config, &description.network()).await?;
        config.device.kernels = device.kernels();
        let model = device.guard("evaluating", || {
            Model::from_values(&description.network(), parameters.clone(), &device)
        })?;
        let mut network = Network {
            model,
            parameters,
            description,
            config,
            answers: None,
        };
        let same_classes = self.data.as_ref().is_some_and(|data| {
            data.dataset.description.class_names == network.description.set.class_names
        });
        let evaluation = match same_classes {
            true => Some(self.evaluate(&mut network).await?),
            false => None,
        };
        let loaded = LoadedWeights {
            parameters: network.description.network().parameter_count(),
            dataset: Some(network.description.set.name.clone()),
            class_names: network.description.set.class_names.clone(),
            evaluation,
        };
        self.network = Some(network);
        Ok(loaded)
    }

    /// Puts the test images through a network and keeps its answers.
    pub(super) async fn evaluate(&self, network: &mut Network) -> Result<Evaluation, SessionError> {
        let test = &self.data()?.dataset.test;
        let Network {
            model,
            description,
            config,
            ..
        } = &*network;
        let device = self.device()?.clone().with_kernels(config.device.kernels);
        let answers = answer(model, description, test, config, &device).await?;
        let evaluation = answers.evaluation(test, &description.set.class_names);
        network.answers = Some(answers);
        Ok(evaluation)
    }

    /// The device with kernels that compute a network right on it: those of the settings, else Burn's
    /// own operations with a line that says why.
    pub(super) async fn right_device(
        &mut self,
        config: &Config,
        network: &Architecture,
    ) -> Result<(Device, Option<String>), SessionError> {
        let device = self.device()?.clone().with_kernels(config.device.kernels);
        if !device.is_gpu() || !config.device.check {
            return Ok((device, None));
        }
        let (name, wanted) = (device.info.name.clone(), device.kernels());
        let right = right_device(device, async |device| {
            self.check(config, network, device).await
        });
        let (device, wrong) = right.await.map_err(|wrong| {
            SessionError(format!(
                "{name} computes wrong numbers ({}); choose the CPU, and update the browser or the driver",
                wrong.join("; ")
            ))
        })?;
        if device.kernels() != wanted {
            let note = format!(
                "{name} computes wrong numbers with the fused kernels ({}): Burn's own operations are used",
                wrong.join("; ")
            );
            return Ok((device, Some(note)));
        }
        let known = self.checked(network, device.kernels());
        Ok(match known.map(|known| &known.replays) {
            Some(Err(why)) => (
                device.with_replays(false),
                Some(format!(
                    "{name} replays steps wrongly ({}): each is launched anew, which is slower",
                    why.join("; ")
                )),
            ),
            _ => (device, None),
        })
    }

    fn checked(&self, network: &Architecture, kernels: Kernels) -> Option<&Checked> {
        let mut checked = self.checked.iter();
        checked.find(|known| known.network == *network && known.kernels == kernels)
    }

    /// What the device gets wrong of this network with its kernels; asked once.
    async fn check(
        &mut self,
        config: &Config,
        network: &Architecture,
        device: &Device,
    ) -> Result<(), Vec<String>> {
        let kernels = device.kernels();
        if let Some(known) = self.checked(network, kernels) {
            return known.found.clone();
        }
        let groups = [Group::Shared, kernels.into()];
        let findings = checks::run(
            device,
            config,
            network,
            Scope::short(),
            &groups,
            &mut |_| {},
        )
        .await;
        let (replay, findings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(Finding::is_of_replay);
        let [found, replays] = [findings, replay].map(|findings| {
            let wrong = checks::failures(&findings);
            match wrong.is_empty() {
                true => Ok(()),
                false => Err(wrong),
            }
        });
        self.checked.push(Checked {
            network: network.clone(),
            kernels,
            found: found.clone(),
            replays,
        });
        found
    }
}
