//! `/namespaces`

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::namespaces::{self as wishes, NewNamespace};
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{NamespaceName, RegistryName, TeamName};
use domain::namespace::Visibility;
use http::StatusCode;
use jiff::Timestamp;
use projections::namespaces::{self, Filter, NamespaceRow};
use projections::{registries, repositories};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::{Failed, done, gone};
use super::answers::{Refused, RefusedBody, RefusedOne, RefusedQuestion, RefusedWish};
use super::ids::Place;
use super::paging::{ByName, Page, PageParams, Sorted, in_turn};
use super::params::Params;
use super::registries::Validation;
use super::repositories::Repository;
use super::strict_json::StrictJson;
use super::{ApiState, ids, teams};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// Who sees a namespace beside those with a right in it: nobody, who is signed in, everybody.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Visibility)]
pub(super) enum VisibilityName {
    Private,
    Protected,
    Public,
}

impl From<VisibilityName> for Visibility {
    fn from(name: VisibilityName) -> Self {
        match name {
            VisibilityName::Private => Self::Private,
            VisibilityName::Protected => Self::Protected,
            VisibilityName::Public => Self::Public,
        }
    }
}

/// A new namespace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateNamespaceBody)]
pub(super) struct CreateBody {
    /// For ever.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// Whose it is, by name or number.
    team: String,
    #[serde(default)]
    #[schema(max_length = 4_096)]
    description: Option<String>,
    /// Private unless given.
    #[serde(default)]
    #[schema(value_type = Option<VisibilityName>)]
    visibility: Option<String>,
    /// Where there are several.
    #[serde(default)]
    registry: Option<String>,
}

/// What changes of a namespace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateNamespaceBody)]
pub(super) struct UpdateBody {
    namespace: UpdateNamespace,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateNamespace {
    /// Taken only as it is: images in the registry keep theirs.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(max_length = 4_096)]
    description: Option<String>,
    /// Whose it becomes, by name or number.
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<VisibilityName>)]
    visibility: Option<String>,
}

/// What decides over repositories.
#[derive(Serialize, ToSchema)]
pub(super) struct Namespace {
    id: i64,
    /// The global one is called like its registry, as in the original.
    name: String,
    /// As images have it; `_` is the global one.
    full_name: String,
    registry: String,
    description: String,
    #[schema(value_type = VisibilityName)]
    visibility: String,
    /// For repositories without a namespace.
    global: bool,
    /// Somebody's own.
    personal: bool,
    /// Whose own.
    owner: Option<String>,
    /// Whose it is, for those who may see the team.
    team: Option<TeamOfNamespace>,
    repositories_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The team that holds a namespace.
#[derive(Serialize, ToSchema)]
struct TeamOfNamespace {
    id: Option<i64>,
    name: String,
    hidden: bool,
}

/// What was changed, as far as whoever changed it may still see it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChangedNamespace)]
#[allow(clippy::large_enum_variant)] // made once, and written at once
enum Answer {
    Seen(Namespace),
    GivenAway(NameAlone),
}

/// The name of what the caller may not see.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NameAlone {
    pub(super) name: String,
}

/// A name that somebody thinks of.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Thought {
    name: String,
    /// Where there are several.
    registry: Option<String>,
}

/// Which namespaces.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NamespaceParams {
    #[param(inline)]
    visibility: Option<VisibilityName>,
    /// Held by this team, by name or number; nothing is where the caller may not see the team.
    team: Option<String>,
    /// In this registry.
    #[param(value_type = Option<String>)]
    registry: Option<RegistryName>,
    /// Whose name begins so.
    prefix: Option<String>,
}

/// Lists namespaces.
///
/// Those that the caller may see.
#[utoipa::path(
    get, path = "/namespaces", operation_id = "list_namespaces", tag = "Namespaces",
    security(()), params(NamespaceParams, PageParams, Sorted),
    responses((status = 200, description = "A page of them.", body = [Namespace]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must_read()?;
    let page = Page::of(&mut params)?;
    let order = params.take::<Sorted>()?.into();
    let NamespaceParams { visibility, team, registry, prefix } = params.take()?;
    params.end()?;
    let visible = caller.viewer.visible();
    let team = match team {
        None => None,
        // Who holds a namespace is for those who may see the team.
        Some(id) => match ids::team(&api.read, &id, &visible).await {
            Ok((team, _)) => Some(team),
            Err(err) if err.status() == StatusCode::NOT_FOUND => {
                return Ok(page.answer(Vec::<Namespace>::new(), 0, &params, &api.auth.external));
            }
            Err(err) => return Err(err),
        },
    };
    let visibility = visibility.map(Visibility::from);
    let filter = Filter { visibility, team, registry, prefix };
    let (wanted, total) = (page.rows(), namespaces::count(&api.read, &visible, &filter));
    let rows = namespaces::page(&api.read, &visible, &filter, order, &wanted);
    let (rows, total) = tokio::try_join!(rows, total)?;
    let all = in_turn(rows.iter().map(|row| entity(&api, &caller, row))).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// Shows a namespace.
#[utoipa::path(
    get, path = "/namespaces/{namespace}", operation_id = "show_namespace", tag = "Namespaces",
    security(()),
    params(("namespace" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The namespace.", body = Namespace), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Namespace>, ApiError> {
    params.end()?;
    let (_, row) = seen(&api, &caller, &id).await?;
    Ok(Json(entity(&api, &caller, &row).await?))
}

/// Checks a name that somebody thinks of.
///
/// Says what is wrong with it, and changes nothing.
#[utoipa::path(
    get, path = "/namespaces/validate", operation_id = "validate_namespace", tag = "Namespaces",
    params(Thought),
    responses((status = 200, description = "What is wrong.", body = Validation), RefusedQuestion)
)]
pub(super) async fn validate(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Validation>, ApiError> {
    caller.must_be_somebody()?;
    let Thought { name, registry } = params.only()?;
    let mut messages = Vec::new();
    match NamespaceName::parse(&name) {
        Err(why) => messages.push(why.to_string()),
        Ok(name) if name.is_global() => {
            messages.push("`_` is the registry's global namespace".to_owned());
        }
        Ok(name) => {
            let registry = ids::registry_for(&api.read, registry.as_deref()).await?;
            // Whether it is taken shows when it is made, too: names are not secret from those who
            // make namespaces, only what stands behind them.
            let stream = domain::event::StreamName::namespace(&registry, &name);
            let state = commands::execute::state::<_, domain::namespace::NamespaceRefusal>(
                &api.auth.desk,
                &stream,
            );
            match state.await? {
                domain::namespace::Namespace::Active { .. } => {
                    messages.push("this namespace name is taken".to_owned());
                }
                domain::namespace::Namespace::Deleted { name_free_at }
                    if api.auth.desk.clock.now() < name_free_at =>
                {
                    messages.push(format!("this name is free again at {name_free_at}"));
                }
                _ => (),
            }
        }
    }
    Ok(Json(messages.into_iter().map(|text| ("name", text)).collect()))
}

/// Makes a namespace.
///
/// For whoever may push to the team's namespaces, and to the place where it is to be.
#[utoipa::path(
    post, path = "/namespaces", operation_id = "create_namespace", tag = "Namespaces",
    request_body = CreateBody,
    responses((status = 201, description = "The namespace.", body = Answer), RefusedBody)
)]
pub(super) async fn create(
    State(api): State<ApiState>,
    caller: ApiCaller,
    StrictJson(body): StrictJson<CreateBody>,
) -> Result<Response, ApiError> {
    caller.must_have_signed_in()?;
    let (team, _) = ids::team(&api.read, &body.team, &caller.viewer.owner_visible()).await?;
    let (api, body, owner) = (&api, &body, &team);
    let change = move |by, caller: ApiCaller| async move {
        let name = ids::field("name", NamespaceName::parse(&body.name))?;
        let registry = ids::registry_for(&api.read, body.registry.as_deref()).await?;
        let new = NewNamespace {
            registry: registry.clone(),
            name: name.clone(),
            team: owner.clone(),
            visibility: match &body.visibility {
                Some(text) => visibility(text)?,
                None => Visibility::Private,
            },
            description: body.description.clone().unwrap_or_default(),
        };
        // Two questions: may they make one in this team, and may they make it in this place?
        let inside = Resource::Namespace { registry: registry.clone(), name: name.clone() };
        let above = caller.viewer.permit(Action::CreateNamespace, &inside);
        let above = above.ok().map(|by| by.permit);
        let written = wishes::create(&api.auth.desk, &by, new, above.as_ref()).await?;
        Ok::<_, Failed>(((registry, name), written))
    };
    let resource = Resource::Team { name: team.clone() };
    let (place, written) = api.act(&caller, Action::CreateNamespace, &resource, change).await?;
    api.settled(written).await?;
    answer(api, &caller, StatusCode::CREATED, &place, written).await
}

/// Changes a namespace.
///
/// Description, visibility, team, in this order. Every right is asked for before anything is
/// changed. Whoever gives it away is told its name alone, where they may no longer see it.
#[utoipa::path(
    put, path = "/namespaces/{namespace}", operation_id = "update_namespace", tag = "Namespaces",
    params(("namespace" = String, Path, description = "Number or name.")),
    request_body = UpdateBody,
    responses((status = 200, description = "The namespace.", body = Answer), RefusedBody)
)]
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<UpdateBody>,
) -> Result<Response, ApiError> {
    let (place, row) = seen(&api, &caller, &id).await?;
    caller.must_have_signed_in()?;
    let (registry, name) = &place;
    let resource = Resource::Namespace { registry: registry.clone(), name: name.clone() };
    let body = body.namespace;
    if body.name.as_deref().is_some_and(|text| text != row.name) {
        let text = "a namespace's name cannot be changed: images in the registry keep theirs";
        caller.must(Action::EditNamespace, &resource)?;
        return Err(ApiError::field("name", text));
    }
    let mut wishes = Vec::new();
    if let Some(text) = body.description {
        wishes.push((Action::EditNamespace, Wish::Describe(text)));
    }
    if let Some(text) = &body.visibility {
        caller.must(Action::ChangeVisibility, &resource)?;
        wishes.push((Action::ChangeVisibility, Wish::Show(visibility(text)?)));
    }
    if let Some(text) = &body.team {
        let (team, _) = ids::team(&api.read, text, &caller.viewer.visible()).await?;
        wishes.push((teams::change_team(&caller, &team), Wish::Give(team)));
    }
    if wishes.is_empty() {
        caller.must(Action::EditNamespace, &resource)?;
    }
    for (action, _) in &wishes {
        caller.must(*action, &resource)?;
    }
    let mut written = Position(0);
    let api = &api;
    for (action, wish) in &wishes {
        // The step before is the caller's own: the right must have seen it.
        api.auth.graph.reached(written, super::PATIENCE).await?;
        let caller = api.renewed(&caller)?;
        let change = move |by, _| async move {
            let desk = &api.auth.desk;
            Ok::<_, Failed>(match wish.clone() {
                Wish::Describe(text) => wishes::describe(desk, &by, registry, name, text).await?,
                Wish::Show(to) => wishes::change_visibility(desk, &by, registry, name, to).await?,
                Wish::Give(team) => wishes::change_team(desk, &by, registry, name, team).await?,
            })
        };
        written = written.max(api.act(&caller, *action, &resource, change).await?);
    }
    api.settled(written).await?;
    answer(api, &caller, StatusCode::OK, &place, written).await
}

#[derive(Clone)]
enum Wish {
    Describe(String),
    Show(Visibility),
    Give(TeamName),
}

/// Deletes an empty namespace.
///
/// Images are deleted in the registry first.
#[utoipa::path(
    delete, path = "/namespaces/{namespace}", operation_id = "remove_namespace",
    tag = "Namespaces",
    params(("namespace" = String, Path, description = "Number or name.")),
    responses((status = 204, description = "It is gone."), RefusedWish)
)]
pub(super) async fn remove(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let (place, _) = seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: place.0.clone(), name: place.1.clone() };
    let (api, at, id) = (&api, &place, &id);
    let change = move |by, caller: ApiCaller| async move {
        let (_, row) = seen(api, &caller, id).await?;
        if row.repositories > 0 {
            let text = format!(
                "the namespace holds {} repositories; delete them in the registry first",
                row.repositories
            );
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text).into());
        }
        Ok::<_, Failed>(wishes::delete(&api.auth.desk, &by, &at.0, &at.1).await?)
    };
    let written = api.act(&caller, Action::DeleteNamespace, &resource, change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

/// Lists a namespace's repositories.
#[utoipa::path(
    get, path = "/namespaces/{namespace}/repositories",
    operation_id = "list_namespace_repositories", tag = "Namespaces", security(()),
    params(("namespace" = String, Path, description = "Number or name."), PageParams, ByName),
    responses((status = 200, description = "A page of them.", body = [Repository]), RefusedOne)
)]
pub(super) async fn repositories(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::by_name(&mut params)?;
    params.end()?;
    let ((registry, name), row) = seen(&api, &caller, &id).await?;
    let visible = caller.viewer.visible();
    let rows =
        repositories::of_namespace(&api.read, &registry, &name, &visible, &page.rows()).await?;
    let all = super::repositories::entities(&api, &caller, &rows).await?;
    Ok(page.answer(all, row.repositories, &params, &api.auth.external))
}

/// A namespace that the caller may see.
pub(super) async fn seen(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
) -> Result<(Place<NamespaceName>, NamespaceRow), ApiError> {
    let found = ids::namespace(&api.read, id, &caller.viewer.owner_visible()).await;
    let (place, row) = found.map_err(|err| absent(caller, err))?;
    let resource = Resource::Namespace { registry: place.0.clone(), name: place.1.clone() };
    caller.must(Action::SeeNamespace, &resource)?;
    Ok((place, row))
}

/// Hidden and absent look the same: to those who have not signed in, both ask for that.
pub(super) fn absent(caller: &ApiCaller, err: ApiError) -> ApiError {
    let nobody = caller.viewer.user().is_none();
    if nobody && err.status() == StatusCode::NOT_FOUND { ApiError::unauthorized() } else { err }
}

fn visibility(text: &str) -> Result<Visibility, ApiError> {
    Visibility::parse(text).ok_or_else(|| {
        ApiError::field("visibility", "a visibility is one of private, protected, public")
    })
}

async fn answer(
    api: &ApiState,
    caller: &ApiCaller,
    status: StatusCode,
    (registry, name): &Place<NamespaceName>,
    written: Position,
) -> Result<Response, ApiError> {
    let caller = api.renewed(caller)?;
    let visible = caller.viewer.visible();
    let body = match namespaces::find(&api.read, registry, name, &visible).await? {
        Some(row) => Answer::Seen(entity(api, &caller, &row).await?),
        None => Answer::GivenAway(NameAlone { name: name.to_string() }),
    };
    Ok(done(status, written, body))
}

/// A namespace as the caller sees it.
pub(super) async fn entity(
    api: &ApiState,
    caller: &ApiCaller,
    row: &NamespaceRow,
) -> Result<Namespace, ApiError> {
    let global = row.holder_kind == "global";
    let registry = ids::stored(RegistryName::parse(&row.registry))?;
    let name = if global {
        registries::find(&api.read, &registry).await?.map_or(row.name.clone(), |found| found.host)
    } else {
        row.name.clone()
    };
    // Who owns it is for those who may see the team.
    let team = match (&*row.holder_kind, &row.holder) {
        ("team", Some(holder)) => {
            let team = ids::stored(TeamName::parse(holder))?;
            let seen = caller.viewer.may(Action::SeeTeam, &Resource::Team { name: team });
            let (id, name) = (row.holder_id, holder.clone());
            seen.then_some(TeamOfNamespace { id, name, hidden: false })
        }
        _ => None,
    };
    let personal = row.holder_kind == "personal";
    Ok(Namespace {
        id: row.id,
        name,
        full_name: row.name.clone(),
        registry: row.registry.clone(),
        description: row.description.clone(),
        visibility: row.visibility.clone(),
        global,
        personal,
        owner: row.holder.clone().filter(|_| personal),
        team,
        repositories_count: row.repositories,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
