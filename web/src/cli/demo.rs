//! `portus demo`: the service on this machine alone, with something to look at.

use super::{Done, Failure, say, serve};
use crate::config::{Config, Layers, Resolved, Source};
use crate::demo;
use crate::supervise::Signals;

/// Where the registry is, unless somebody says otherwise.
const REGISTRY: &str = "127.0.0.1:5000";

/// As for `serve --embedded --registry 127.0.0.1:5000`, with a data folder of its own, so that
/// nobody finds invented people among their own.
pub(super) fn config(mut layers: Layers) -> Result<(Config, Resolved), Failure> {
    layers.flags.push(("portus demo", "embedded", "true".to_owned()));
    let (config, resolved) = Config::load(&layers).map_err(Failure::usage)?;
    if *resolved.source("data_dir") == Source::Default {
        let mut folder = config.data_dir.into_os_string();
        folder.push("-demo");
        let folder = folder.to_string_lossy().into_owned();
        layers.flags.push(("portus demo", "data_dir", folder));
    }
    if config.registry.is_none() {
        layers.flags.push(("portus demo", "registry.address", REGISTRY.to_owned()));
    }
    Config::load(&layers).map_err(Failure::usage)
}

pub(super) async fn run(config: Config) -> Done {
    let mut signals = Signals::listen().map_err(Failure::failed)?;
    let Some(app) = serve::start(config, &mut signals).await? else { return Ok(()) };
    let site = app.demo_site().await?;
    let Some(site) = site else { return Err(Failure::failed("the demo needs a registry")) };
    let filled = tokio::select! {
        filled = demo::fill(&site) => filled,
        _ = signals.asked_to_stop() => {
            app.stop().await;
            return Ok(());
        }
    };
    if let Err(error) = filled {
        app.stop().await;
        return Err(Failure::failed(error));
    }
    say(app.welcome().await);
    say(format_args!("Everybody's password is {}", site.password));
    say(format_args!("  {:8}  is the administrator", demo::ADMINISTRATOR));
    for (name, what) in demo::PEOPLE {
        say(format_args!("  {name:8}  {what}"));
    }
    serve::finish(app, signals).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_keeps_away_from_real_data() {
        let (config, _) = config(Layers::default()).ok().unwrap();
        assert!(config.embedded);
        assert!(config.data_dir.ends_with("portus-demo"));
        assert_eq!(config.registry.unwrap().address, REGISTRY);
    }

    #[test]
    fn the_demo_goes_where_it_is_told() {
        let mut layers = Layers::default();
        layers.flags.push(("--data-dir", "data_dir", "/d".to_owned()));
        layers.flags.push(("--registry", "registry.address", "127.0.0.1:1".to_owned()));
        let (config, _) = config(layers).ok().unwrap();
        assert_eq!(config.data_dir, std::path::PathBuf::from("/d"));
        assert_eq!(config.registry.unwrap().address, "127.0.0.1:1");
    }
}
