//! A stop of an order, with the chart behind it, as a hook request or as an EHR's records.
//!
//! `Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)` is a chart; [`Stop::request`] writes
//! the call with all of it in prefetch, [`Stop::without_prefetch`] the call of an EHR that sends none.

use super::resources::*;
use super::{days_ago, hours_ago};
use serde_json::{Value, json};

/// Our own hook.
pub const DISCONTINUE: &str = "medication-discontinue";

/// Prefetch keys, in the order in which charts write them.
pub const KEYS: [&str; 7] = [
    "patient",
    "medications",
    "observations",
    "screens",
    "conditions",
    "allergies",
    "procedures",
];

/// R5's date of the last change of status, in R4.
const STATUS_CHANGED: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged";

/// A stop and the chart behind it.
#[derive(Clone)]
pub struct Stop {
    patient: Value,
    stopping: Vec<Value>,
    drafts: Vec<Value>,
    medications: Vec<Value>,
    observations: Vec<Value>,
    screens: Vec<Value>,
    conditions: Vec<Value>,
    allergies: Vec<Value>,
    procedures: Vec<Value>,
}

impl Stop {
    /// Tacrolimus 1.5 mg twice a day for 14 months is stopped; a woman of 34, nothing else known.
    pub fn tacrolimus() -> Self {
        Self::tacrolimus_for(420)
    }

    /// The same after so many days of treatment.
    pub fn tacrolimus_for(days: i64) -> Self {
        let since = days_ago(days);
        let order = |status| order("tac-1", status, TACROLIMUS_1_MG, (1.5, 2), &since);
        Self {
            patient: patient("female", &days_ago(34 * 365)[..10]),
            stopping: vec![order("stopped")],
            drafts: Vec::new(),
            medications: vec![order("active")],
            observations: Vec::new(),
            screens: Vec::new(),
            conditions: Vec::new(),
            allergies: Vec::new(),
            procedures: Vec::new(),
        }
    }

    /// Lupus nephritis, with the cover and the results that usually lie in such a chart; no UPCR.
    pub fn in_lupus_nephritis(mut self) -> Self {
        self.conditions.push(condition(
            "ln-1",
            "M32.14",
            "Glomerular disease in systemic lupus erythematosus",
            &days_ago(900),
        ));
        let orders = [
            order(
                "mmf-1",
                "active",
                MYCOPHENOLATE_500_MG,
                (1000.0, 2),
                &days_ago(800),
            ),
            order(
                "hcq-1",
                "active",
                HYDROXYCHLOROQUINE_200_MG,
                (200.0, 1),
                &days_ago(900),
            ),
        ];
        self.medications.extend(orders);
        let at = days_ago(6);
        let results = [
            lab("creatinine-1", "2160-0", "0.9", "mg/dL", &at),
            lab_between("c3-1", "4485-9", "104", "mg/dL", &at, [90.0, 180.0]),
            lab_between("c4-1", "4498-2", "22", "mg/dL", &at, [10.0, 40.0]),
            lab_between("dsdna-1", "5130-0", "6", "[IU]/mL", &at, [0.0, 15.0]),
            lab("platelets-1", "777-3", "240", "10*9/L", &at),
            lab("hemoglobin-1", "718-7", "12.9", "g/dL", &at),
            lab("wbc-1", "6690-2", "6.1", "10*9/L", &at),
            lab("sediment-1", "13945-1", "2", "/[HPF]", &at),
            lab("level-1", "77348-1", "5.8", "ng/mL", &at),
        ];
        self.observations.extend(results);
        self
    }

    /// A kidney transplant on the problem list, and nothing else that says so.
    pub fn with_kidney_transplant(self) -> Self {
        self.with_condition("ktx-1", "Z94.0", "Kidney transplant status", 240)
    }

    /// Autoimmune hepatitis in remission, treated with azathioprine's successor.
    pub fn in_autoimmune_hepatitis(self) -> Self {
        let chart = self.with_condition("aih-1", "K75.4", "Autoimmune hepatitis", 1200);
        chart.with_result(lab_between(
            "alt-1",
            "1742-6",
            "88",
            "U/L",
            &days_ago(5),
            [7.0, 35.0],
        ))
    }

    /// Urine protein to creatinine.
    pub fn with_upcr(self, value: &str, unit: &str, days: i64) -> Self {
        self.with_result(lab("upcr-1", "2890-2", value, unit, &days_ago(days)))
    }

    /// A tacrolimus trough.
    pub fn with_trough(self, value: &str, unit: &str, days: i64) -> Self {
        self.with_result(lab("trough-1", "77348-1", value, unit, &days_ago(days)))
    }

    /// Any result.
    pub fn with_result(mut self, result: Value) -> Self {
        self.observations.push(result);
        self
    }

    /// A result that is looked for far back.
    pub fn with_screen(mut self, result: Value) -> Self {
        self.screens.push(result);
        self
    }

    /// A problem since so many days.
    pub fn with_condition(mut self, id: &str, icd: &str, text: &str, days: i64) -> Self {
        self.conditions.push(condition(id, icd, text, &days_ago(days)));
        self
    }

    /// A procedure.
    pub fn with_procedure(mut self, procedure: Value) -> Self {
        self.procedures.push(procedure);
        self
    }

    /// Any resource; an EHR finds it by its type and id.
    pub fn with_resource(self, resource: Value) -> Self {
        self.with_procedure(resource)
    }

    /// An order drafted in the same session.
    pub fn drafting(mut self, order: Value) -> Self {
        self.drafts.push(order);
        self
    }

    /// Takes another drug too.
    pub fn taking(mut self, order: Value) -> Self {
        self.medications.push(order);
        self
    }

    /// Stops nothing yet: `stopping_also` says what.
    pub fn stopping_nothing(mut self) -> Self {
        self.stopping.clear();
        self
    }

    /// Stops another order of the chart as well.
    pub fn stopping_also(mut self, id: &str) -> Self {
        let order = self
            .medications
            .iter()
            .find(|order| order["id"] == id)
            .expect("an order of that id");
        let mut order = order.clone();
        order["status"] = json!("stopped");
        self.stopping.push(order);
        self
    }

    /// Changes the order that is stopped, in the context and in the record.
    pub fn with_stopped(mut self, change: impl Fn(&mut Value)) -> Self {
        change(&mut self.stopping[0]);
        let status = self.medications[0]["status"].clone();
        change(&mut self.medications[0]);
        self.medications[0]["status"] = status;
        self
    }

    /// Holds the order instead of stopping it, perhaps with the day of the restart.
    pub fn held(mut self, restart_in_days: Option<i64>) -> Self {
        self.stopping[0]["status"] = json!("on-hold");
        if let Some(days) = restart_in_days {
            let day = hours_ago(-24 * days)[..10].to_owned();
            self.stopping[0]["note"] = json!([{"text": format!("Restart on {day}")}]);
        }
        self
    }

    /// The call of an EHR that sends the whole chart.
    pub fn request(&self) -> Value {
        let mut request = self.without_prefetch();
        request["prefetch"] = self.prefetch();
        request
    }

    /// The call of an EHR that sends no prefetch and grants nothing.
    pub fn without_prefetch(&self) -> Value {
        let mut context = json!({
            "userId": "Practitioner/prescriber-7", "patientId": PATIENT, "encounterId": "visit-1",
            "toBeDiscontinued": bundle("collection", &self.stopping)
        });
        if !self.drafts.is_empty() {
            context["draftOrders"] = bundle("collection", &self.drafts);
        }
        json!({"hook": DISCONTINUE, "hookInstance": uuid::Uuid::new_v4().to_string(), "context": context})
    }

    /// The call of an EHR that sends no prefetch and lets its server be read.
    pub fn granting(&self, fhir_base: &str, token: &str) -> Value {
        grant(self.without_prefetch(), fhir_base, token)
    }

    /// Notes in each of the orders being changed when that was, as the record of an EHR does.
    pub fn dated(mut self, at: &str) -> Self {
        for order in &mut self.stopping {
            order["extension"] = json!([{"url": STATUS_CHANGED, "valueDateTime": at}]);
        }
        self
    }

    /// The record once the change is in it.
    pub fn after_the_change(mut self) -> Self {
        for order in &mut self.medications {
            if let Some(changed) = self.stopping.iter().find(|changed| changed["id"] == order["id"]) {
                *order = changed.clone();
            }
        }
        self
    }

    /// The orders being changed, and those drafted with them.
    pub fn changes(&self) -> (&[Value], &[Value]) {
        (&self.stopping, &self.drafts)
    }

    /// The chart once the change is on record.
    pub fn afterwards(&self) -> Value {
        let mut prefetch = self.prefetch();
        let changed = |order: &Value| {
            let now = self.stopping.iter().find(|changed| changed["id"] == order["id"]);
            now.unwrap_or(order).clone()
        };
        let orders: Vec<Value> = self
            .medications
            .iter()
            .map(changed)
            .chain(self.drafts.clone())
            .collect();
        prefetch["medications"] = searchset(&orders);
        prefetch
    }

    /// The chart by prefetch key.
    pub fn prefetch(&self) -> Value {
        json!({
            "patient": self.patient, "medications": searchset(&self.medications),
            "observations": searchset(&self.observations), "screens": searchset(&self.screens),
            "conditions": searchset(&self.conditions), "allergies": searchset(&self.allergies),
            "procedures": searchset(&self.procedures)
        })
    }

    /// Every resource of the chart.
    pub fn records(&self) -> Vec<Value> {
        let lists = [
            &self.medications,
            &self.observations,
            &self.screens,
            &self.conditions,
            &self.allergies,
            &self.procedures,
        ];
        std::iter::once(&self.patient)
            .chain(lists.into_iter().flatten())
            .cloned()
            .collect()
    }
}

/// Adds a grant to a request.
pub fn grant(mut request: Value, fhir_base: &str, token: &str) -> Value {
    request["fhirServer"] = json!(fhir_base);
    request["fhirAuthorization"] = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 60,
        "scope": "patient/*.read user/Practitioner.read", "subject": "cds-service-1", "patient": PATIENT
    });
    request
}
