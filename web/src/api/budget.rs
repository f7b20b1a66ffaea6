//! How many calls a caller may make. A bucket each, which fills again evenly: a burst may use all of
//! it, and whoever calls evenly is never refused (GCRA). The token endpoint has no part in this.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use commands::desk::Clock;
use domain::access::Subject;
use domain::app_token::TokenId;
use domain::name::UserName;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::auth::PORTUS_AUTH;
use crate::client::ClientAddress;
use crate::error::ApiError;

/// Within how many seconds a bucket fills.
pub const WINDOW_SECONDS: i64 = 60;
/// The most callers whose bucket is remembered; the others share one.
pub const MAX_CALLERS: usize = 50_000;

/// The `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-11).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const WINDOW: i64 = WINDOW_SECONDS * 1_000_000_000;

/// How many calls there are in [`WINDOW_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For whoever shows who they are: a person, or one of their tokens; 0: any number.
    pub known: u32,
    /// For an address that shows nothing; 0: any number.
    pub anonymous: u32,
}

impl Default for Limits {
    /// Twenty a second for a script, and five for a stranger.
    fn default() -> Self {
        Self { known: 1_200, anonymous: 300 }
    }
}

/// Everybody's budget. Clones share it.
#[derive(Clone)]
pub struct Budgets(Arc<Inner>);

struct Inner {
    limits: Limits,
    clock: Clock,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    /// When each is full again, in nanoseconds since 1970.
    full_at: HashMap<Caller, i64>,
    swept_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Account(UserName),
    Token(TokenId),
    Address(IpAddr),
    /// Whoever there is no place for.
    Others,
}

/// What is left after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    policy: &'static str,
    quota: i64,
    calls: i64,
    /// Until all of it is there again.
    seconds: i64,
    /// Until the next call; `None`: at once.
    wait: Option<i64>,
}

/// The budget of one request, which is charged when it is known who asks.
#[derive(Clone)]
pub(crate) struct Meter {
    budgets: Budgets,
    left: Arc<Mutex<Option<Left>>>,
}

impl Meter {
    /// Charges whoever has shown who they are.
    pub(crate) fn charge(&self, subject: &Subject) -> Result<(), ApiError> {
        let caller = match subject {
            Subject::Account { name } => Caller::Account(name.clone()),
            Subject::Token { id, .. } => Caller::Token(*id),
            Subject::Anonymous | Subject::Registry { .. } | Subject::Invalid => return Ok(()),
        };
        self.take(caller)
    }

    fn take(&self, caller: Caller) -> Result<(), ApiError> {
        let Some(left) = self.budgets.take(caller) else { return Ok(()) };
        if let Ok(mut slot) = self.left.lock() {
            *slot = Some(left);
        }
        match left.wait {
            None => Ok(()),
            Some(seconds) => {
                let text = format!(
                    "Too many calls: {} in {WINDOW_SECONDS} seconds are allowed; try again later",
                    left.quota
                );
                Err(ApiError::too_many(text, u32::try_from(seconds).unwrap_or(u32::MAX)))
            }
        }
    }
}

impl Budgets {
    /// Full ones.
    #[must_use]
    pub fn new(limits: Limits, clock: Clock) -> Self {
        Self(Arc::new(Inner { limits, clock, buckets: Mutex::default() }))
    }

    fn take(&self, caller: Caller) -> Option<Left> {
        let (policy, quota) = match &caller {
            Caller::Account(_) | Caller::Token(_) => ("api", self.0.limits.known),
            Caller::Address(_) | Caller::Others => ("anonymous", self.0.limits.anonymous),
        };
        let quota = i64::from(quota);
        if quota == 0 {
            return None;
        }
        let now = nanoseconds(self.0.clock.now());
        let mut buckets = self.0.buckets.lock().ok()?;
        let full_at = buckets.of(caller, now);
        let one = WINDOW / quota;
        // A clock that was set back must not lock anybody out for longer than a window.
        let before = (*full_at).clamp(now, now + WINDOW);
        let after = before + one;
        let allowed = after - now <= WINDOW;
        *full_at = if allowed { after } else { before };
        let missing = *full_at - now;
        Some(Left {
            policy,
            quota,
            calls: (WINDOW - missing) / one,
            seconds: up(missing),
            wait: (!allowed).then(|| up(after - now - WINDOW)),
        })
    }
}

impl Buckets {
    /// A caller's bucket; the common one when there is no place, which is looked for once a second.
    fn of(&mut self, caller: Caller, now: i64) -> &mut i64 {
        if self.full_at.len() >= MAX_CALLERS && !self.full_at.contains_key(&caller) {
            if now.abs_diff(self.swept_at) >= 1_000_000_000 {
                self.swept_at = now;
                self.full_at.retain(|_, full_at| *full_at > now);
            }
            if self.full_at.len() >= MAX_CALLERS {
                return self.full_at.entry(Caller::Others).or_insert(now);
            }
        }
        self.full_at.entry(caller).or_insert(now)
    }
}

/// A layer around the REST interface: charges strangers by their address before anything is done,
/// and tells everybody what is left.
pub(super) async fn limit(
    State(budgets): State<Budgets>,
    mut request: Request,
    next: Next,
) -> Response {
    let meter = Meter { budgets, left: Arc::default() };
    let shows = [AUTHORIZATION, PORTUS_AUTH, COOKIE]
        .iter()
        .any(|name| request.headers().contains_key(name));
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0);
    let stranger = Caller::Address(address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()));
    let mut response = if shows {
        request.extensions_mut().insert(meter.clone());
        let response = next.run(request).await;
        // What was shown was not good, or nobody looked at it: a stranger after all.
        let charged = meter.left.lock().is_ok_and(|left| left.is_some());
        match if charged { Ok(()) } else { meter.take(stranger) } {
            Err(refused) if response.status().is_client_error() => refused.into_response(),
            _ => response,
        }
    } else {
        match meter.take(stranger) {
            Ok(()) => next.run(request).await,
            Err(refused) => refused.into_response(),
        }
    };
    let left = meter.left.lock().ok().and_then(|left| *left);
    if let Some(Left { policy, quota, calls, seconds, .. }) = left {
        let headers = [
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={quota};w={WINDOW_SECONDS}")),
            (RATE_LIMIT, format!("\"{policy}\";r={calls};t={seconds}")),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX / 2)
}

fn up(nanoseconds: i64) -> i64 {
    (nanoseconds + 999_999_999) / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn budgets(known: u32, anonymous: u32) -> (Budgets, Arc<AtomicI64>) {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let shown = now.clone();
        let clock =
            Clock::new(move || Timestamp::from_millisecond(shown.load(Ordering::SeqCst)).unwrap());
        (Budgets::new(Limits { known, anonymous }, clock), now)
    }

    fn user(name: &str) -> Caller {
        Caller::Account(UserName::parse(name).unwrap())
    }

    fn address(n: u32) -> Caller {
        Caller::Address(std::net::Ipv4Addr::from(n).into())
    }

    #[test]
    fn a_bucket_is_used_to_its_last_call_and_fills_evenly() {
        let (budgets, now) = budgets(60, 1);
        for call in 1..=60 {
            let left = budgets.take(user("alice")).unwrap();
            assert_eq!((left.calls, left.seconds, left.wait), (60 - call, call, None));
        }
        let refused = budgets.take(user("alice")).unwrap();
        assert_eq!((refused.calls, refused.wait), (0, Some(1)));
        // A refused call costs nothing, and nobody else.
        assert_eq!(budgets.take(user("alice")).unwrap().wait, Some(1));
        assert_eq!(budgets.take(user("bob")).unwrap().wait, None);
        now.fetch_add(999, Ordering::SeqCst);
        assert_eq!(budgets.take(user("alice")).unwrap().wait, Some(1));
        now.fetch_add(1, Ordering::SeqCst);
        assert_eq!(budgets.take(user("alice")).unwrap().wait, None);
        assert_eq!(budgets.take(user("alice")).unwrap().wait, Some(1));
        now.fetch_add(60_000, Ordering::SeqCst);
        assert_eq!(budgets.take(user("alice")).unwrap().calls, 59);
    }

    #[test]
    fn nobody_is_refused_where_there_is_no_limit() {
        let (budgets, _) = budgets(0, 0);
        assert!((0..10_000).all(|_| budgets.take(user("alice")).is_none()));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_window() {
        let (budgets, now) = budgets(2, 1);
        budgets.take(user("alice"));
        now.fetch_sub(86_400_000, Ordering::SeqCst);
        let waits = budgets.take(user("alice")).unwrap().wait.unwrap();
        assert!(waits <= WINDOW_SECONDS, "{waits}");
        now.fetch_add(waits * 1_000, Ordering::SeqCst);
        assert_eq!(budgets.take(user("alice")).unwrap().wait, None);
    }

    #[test]
    fn so_many_callers_are_remembered_and_no_more() {
        let (budgets, now) = budgets(60, 2);
        for n in 0..u32::try_from(MAX_CALLERS).unwrap() {
            assert_eq!(budgets.take(address(n)).unwrap().calls, 1);
        }
        // The next ones share a bucket.
        assert_eq!(budgets.take(address(u32::MAX)).unwrap().calls, 1);
        assert_eq!(budgets.take(address(u32::MAX - 1)).unwrap().calls, 0);
        assert!(budgets.take(address(u32::MAX - 2)).unwrap().wait.is_some());
        assert!(
            budgets.take(address(7)).unwrap().wait.is_none(),
            "those remembered have their own"
        );
        assert!(budgets.0.buckets.lock().unwrap().full_at.len() <= MAX_CALLERS + 1);
        // Once buckets are full again, there is place.
        now.fetch_add(120_000, Ordering::SeqCst);
        assert_eq!(budgets.take(address(u32::MAX)).unwrap().calls, 1);
        assert!(budgets.0.buckets.lock().unwrap().full_at.len() < 10);
    }
}
