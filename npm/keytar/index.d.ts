export * from "os-secrets/keytar";
