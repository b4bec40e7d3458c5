// Certificates for servers and clients on this machine, made by openssl.

const { execFileSync } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

/**
 * Makes an authority in a folder, and returns it: { path, certificate, issue(name, extensions) }, with the certificate in
 * PEM. `issue` makes a certificate: { certificate, key }, both in PEM.
 */
function makeAuthority(folder) {
  const at = (name) => join(folder, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
  const request = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
  const read = (name) => readFileSync(at(name), "utf8");
  openssl(
    ...["req", "-x509", ...request, "-subj", "/CN=authority", "-keyout", at("ca.key"), "-out", at("ca.crt")],
  );
  const issue = (name, extensions) => {
    const [key, csr, certificate] = ["key", "csr", "crt"].map((ending) => at(`${name}.${ending}`));
    writeFileSync(at(`${name}.ext`), extensions);
    openssl("req", ...request.slice(0, -2), "-subj", `/CN=${name}`, "-keyout", key, "-out", csr);
    const authority = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial"];
    const options = ["-days", "30", "-extfile", at(`${name}.ext`)];
    openssl("x509", "-req", "-in", csr, ...authority, ...options, "-out", certificate);
    return { certificate: read(`${name}.crt`), key: read(`${name}.key`) };
  };
  return { path: at("ca.crt"), certificate: read("ca.crt"), issue };
}

module.exports = { makeAuthority };
