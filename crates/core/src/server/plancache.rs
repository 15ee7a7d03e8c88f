//! Prepared statements and their plans (`plancache.c`): which plan an execution gets.

use crate::ids::{Name, RelId};
use crate::memory::Addr;
use crate::op::{PlanCacheMode, PlanChoice};

/// `DEFAULT_CPU_OPERATOR_COST`
const CPU_OPERATOR_COST: f64 = 0.0025;
/// Custom plans before a generic one is tried.
const TRIED: u32 = 5;

/// A session's prepared statements.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanCache {
    /// The named ones, and the unnamed one with an empty name.
    pub(super) sources: Vec<CachedPlanSource>,
    /// Their plans.
    pub(super) plans: Vec<CachedPlan>,
    /// Portals that EXECUTE has made, for their names (`CreateNewPortal`).
    pub(super) unnamed_portals: u32,
}

/// `CachedPlanSource`
#[derive(Clone, Debug)]
pub(super) struct CachedPlanSource {
    /// Its name.
    pub(super) name: Name,
    /// `query_string`
    pub(super) text: Name,
    /// The table that it is about.
    pub(super) rel: Option<RelId>,
    /// `num_params` > 0
    pub(super) params: bool,
    /// What planning it without parameters says it costs.
    pub(super) cost: f64,
    /// `context`
    pub(super) context: Addr,
    /// `query_context`
    pub(super) query: Addr,
    /// The context of `gplan`, or null.
    pub(super) generic: Addr,
    /// `is_valid`
    pub(super) valid: bool,
    /// `generic_cost`; below zero until it is known.
    pub(super) generic_cost: f64,
    /// `total_custom_cost`
    pub(super) total_custom_cost: f64,
    /// `num_custom_plans`
    pub(super) num_custom_plans: u32,
}

/// `CachedPlan`
#[derive(Clone, Copy, Debug)]
pub(super) struct CachedPlan {
    /// `context`
    pub(super) context: Addr,
    /// `refcount`
    pub(super) uses: u32,
}

impl CachedPlanSource {
    /// `choose_custom_plan`
    pub(super) fn choose_custom_plan(&self, mode: PlanCacheMode) -> bool {
        if !self.params {
            return false;
        }
        match mode {
            PlanCacheMode::ForceGeneric => false,
            PlanCacheMode::ForceCustom => true,
            PlanCacheMode::Auto if self.num_custom_plans < TRIED => true,
            PlanCacheMode::Auto => self.generic_cost >= self.average_custom_cost(),
        }
    }

    /// What custom plans cost on average, with the planner's work.
    pub(super) fn average_custom_cost(&self) -> f64 {
        self.total_custom_cost / f64::from(self.num_custom_plans.max(1))
    }

    /// A custom plan was made (`cached_plan_cost` with its planner).
    pub(super) fn count_custom(&mut self, choice: PlanChoice) {
        let relations = f64::from(u8::from(self.rel.is_some()));
        let planning = 1000.0 * CPU_OPERATOR_COST * (relations + 1.0);
        self.total_custom_cost += choice.custom_cost + planning;
        self.num_custom_plans = self.num_custom_plans.saturating_add(1);
    }
}

impl PlanCache {
    /// Where a prepared statement is.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| &*source.name == name)
    }

    /// `PlanCacheRelCallback`: what is about this table is no longer valid.
    pub(super) fn invalidate(&mut self, rel: RelId) {
        for source in self.sources.iter_mut().filter(|source| source.rel == Some(rel)) {
            source.valid = false;
        }
    }

    /// The contexts of all.
    pub(super) fn contexts(&self) -> impl Iterator<Item = Addr> {
        let sources = self.sources.iter().flat_map(|source| [source.context, source.query]);
        sources.chain(self.plans.iter().map(|plan| plan.context))
    }
}
