// Reads FHIR R4 resources from standard input, one JSON object a line, and writes a line for each fault:
// the number of the resource (from 0), a tab, and what is wrong. Ends with code 0 if it could judge them all.
//
// Two validators, because neither sees everything: HL7's JSON schema knows types, dates and codes of time units;
// the profile validator knows required codes, required elements and what a reference may point to. Codes of RxNorm
// and LOINC are not looked up: neither has the terminologies.
"use strict";

const SchemaValidator = require("@asymmetrik/fhir-json-schema-validator");
const { Fhir } = require("fhir");

const schema = new SchemaValidator();
const profiles = new Fhir();

function faults(resource) {
  const bySchema = (schema.validate(resource) || []).map((fault) => `schema ${fault.dataPath}: ${fault.message}`);
  const byProfile = profiles
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter((message) => message.severity === "error" || message.severity === "fatal")
    .map((message) => `profile ${message.location}: ${message.message}`);
  return bySchema.concat(byProfile);
}

const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
lines.forEach((line, number) => {
  for (const fault of new Set(faults(JSON.parse(line)))) {
    console.log(`${number}\t${fault}`);
  }
});
