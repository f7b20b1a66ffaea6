//! The registry that the configuration names: the log and the vault know it, and it is started if it
//! is ours to start.

use std::net::SocketAddr;
use std::time::Duration;

use commands::desk::{Caller, Origin};
use commands::execute::CommandError;
use commands::registries;
use domain::access::Permit;
use domain::event::{Actor, Door};
use domain::registry::{RegistryRefusal, RegistrySettings};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::address::{as_realm, external_url, reachable};
use super::{Parts, StartError};
use crate::config::{self, Config};
use crate::foundation::{Ground, REGISTRY};
use crate::registry_child::{RegistryChild, Settings};
use crate::supervise::{Stage, Supervisor};

/// How long the registry may take to answer after its start.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(30);
/// How long the notification secret before the present one stays good.
const OLD_SECRET_HOURS: i64 = 1;

/// Has the log and the vault know the configured registry, and starts it if it is ours to start.
pub(super) async fn start(
    config: &Config,
    ground: &Ground,
    parts: &Parts,
    address: SocketAddr,
    supervisor: &Supervisor,
) -> Result<(), StartError> {
    let Some(registry) = &config.registry else { return Ok(()) };
    let secret = know_registry(registry, ground, parts).await?;
    if !registry.managed {
        return Ok(());
    }
    let url = external_url(config, address);
    let folder = ground.data.join(REGISTRY);
    std::fs::create_dir_all(&folder).map_err(StartError::failed)?;
    let setup = Settings {
        address: registry.address.clone(),
        realm: format!("{}/v2/token", as_realm(&url)),
        service: registry.service.clone(),
        issuer: parts.signer.issuer().to_owned(),
        bundle: parts.signer.bundle().map_err(StartError::failed)?,
        notifications: format!("http://{}/v2/webhooks/events", reachable(address)),
        secret: (*secret).clone(),
        http_secret: (*http_secret(ground)).clone(),
        folder,
    };
    let child = RegistryChild::prepare(setup).await.map_err(StartError::failed)?;
    supervisor.keep(Stage::Registry, "registry", {
        let child = child.clone();
        move |stop| {
            let child = child.clone();
            async move { child.run(stop).await }
        }
    });
    child.ready(REGISTRY_PATIENCE).await.map_err(StartError::unreachable)
}

/// What the registry signs its upload sessions with: the same over restarts, without a file.
fn http_secret(ground: &Ground) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(*ground.desk.vault.derived_key("registry http secret")))
}

/// Adds the registry at the first start, follows the configuration later, and hands out the
/// secret of its notifications.
///
/// # Errors
///
/// [`StartError`], whose text says what to do.
pub async fn know_registry(
    registry: &config::Registry,
    ground: &Ground,
    parts: &Parts,
) -> Result<Zeroizing<String>, StartError> {
    let desk = &ground.desk;
    let permit = Permit::of_the_house(Actor::System { part: "start".to_owned() });
    let caller = Caller { permit, origin: Origin { door: Some(Door::Job), ..Origin::default() } };
    let settings = RegistrySettings {
        service: registry.service.clone(),
        host: registry.address.clone(),
        url: registry.url.clone(),
    };
    let graph = parts.graph.snapshot();
    if let Some(other) = graph.registry_of(&registry.service)
        && other != registry.name
    {
        return Err(StartError::Failed(format!(
            "the registry {other} has the service {} already; set registry.name to {other}, or \
             registry.service to something else",
            registry.service
        )));
    }
    let known = match registries::add(desk, &caller, &registry.name, settings.clone()).await {
        Err(CommandError::Refused(RegistryRefusal::Taken)) => {
            registries::change(desk, &caller, &registry.name, settings).await
        }
        added => added,
    };
    let known = known.map_err(StartError::failed)?;
    parts.graph.reached(known, REGISTRY_PATIENCE).await.map_err(StartError::failed)?;

    let found =
        desk.vault.registry_secret(&registry.name).await.map_err(StartError::unreachable)?;
    let now = desk.clock.now();
    let old_good_until = now + SignedDuration::from_hours(OLD_SECRET_HOURS);
    match (found, &registry.secret) {
        (Some(found), None) => Ok(found),
        (Some(found), Some(wanted)) if *found == wanted.expose_secret() => Ok(found),
        (_, Some(wanted)) => {
            let wanted = Zeroizing::new(wanted.expose_secret().to_owned());
            desk.vault
                .set_registry_secret(&registry.name, &wanted, now, old_good_until)
                .await
                .map_err(StartError::unreachable)?;
            Ok(wanted)
        }
        (None, None) => desk
            .vault
            .new_registry_secret(&registry.name, now, old_good_until)
            .await
            .map_err(StartError::unreachable),
    }
}
