/** Authorization, SASL, TLS and delegation tokens. */
import { boolean, className, double, int, list, long, password, short, string, withoutMeaning } from "../setting.ts";

export const SECURITY = {
  ...withoutMeaning("security is not part of this version yet: listeners are plaintext", {
    "authorizer.class.name": string("", "Class that decides who may do what.", { importance: "low" }),
    "connection.failed.authentication.delay.ms": int(100, "How long a failed authentication is answered late.", {
      min: 0,
      importance: "low",
    }),
    "connections.max.reauth.ms": long(0, "How long a connection lasts before it must authenticate again."),
    "principal.builder.class": className(
      "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
      "Class that makes a principal of what a client proved.",
      { scope: "per-broker" },
    ),
    "security.providers": string(null, "Classes that provide security algorithms.", { importance: "low" }),
    "delegation.token.expiry.check.interval.ms": long(3600000, "How often expired delegation tokens are removed.", {
      min: 1,
      importance: "low",
    }),
    "delegation.token.expiry.time.ms": long(
      86400000,
      "How long a delegation token is valid before it must be renewed.",
      { min: 1 },
    ),
    "delegation.token.max.lifetime.ms": long(604800000, "How long a delegation token can be renewed.", { min: 1 }),
    "delegation.token.secret.key": password("The secret delegation tokens are made with."),
    "sasl.client.callback.handler.class": className(null, "Class that gives the client's credentials."),
    "sasl.enabled.mechanisms": list(["GSSAPI"], "Mechanisms clients may use.", { scope: "per-broker" }),
    "sasl.jaas.config": password("Login of a listener in the JAAS format.", { scope: "per-broker" }),
    "sasl.kerberos.kinit.cmd": string("/usr/bin/kinit", "Path of kinit.", { scope: "per-broker" }),
    "sasl.kerberos.min.time.before.relogin": long(60000, "The shortest time between two refreshes of a ticket.", {
      scope: "per-broker",
    }),
    "sasl.kerberos.principal.to.local.rules": list(
      ["DEFAULT"],
      "Rules that turn Kerberos principals into short names.",
      { scope: "per-broker" },
    ),
    "sasl.kerberos.service.name": string(null, "The Kerberos principal the broker runs as.", { scope: "per-broker" }),
    "sasl.kerberos.ticket.renew.jitter": double(0.05, "Share of randomness in the time of a refresh.", {
      scope: "per-broker",
    }),
    "sasl.kerberos.ticket.renew.window.factor": double(0.8, "Share of a ticket's life after which it is refreshed.", {
      scope: "per-broker",
    }),
    "sasl.login.callback.handler.class": className(null, "Class that gives the broker's own credentials."),
    "sasl.login.class": className(null, "Class that logs the broker in."),
    "sasl.login.connect.timeout.ms": int(null, "How long connecting to the identity provider may take.", {
      importance: "low",
    }),
    "sasl.login.read.timeout.ms": int(null, "How long reading from the identity provider may take.", {
      importance: "low",
    }),
    "sasl.login.refresh.buffer.seconds": short(300, "Time kept free before a login expires.", { scope: "per-broker" }),
    "sasl.login.refresh.min.period.seconds": short(60, "The shortest time between two refreshes of a login.", {
      scope: "per-broker",
    }),
    "sasl.login.refresh.window.factor": double(0.8, "Share of a login's life after which it is refreshed.", {
      scope: "per-broker",
    }),
    "sasl.login.refresh.window.jitter": double(0.05, "Share of randomness in that.", { scope: "per-broker" }),
    "sasl.login.retry.backoff.max.ms": long(10000, "The longest wait before a login is tried again.", {
      importance: "low",
    }),
    "sasl.login.retry.backoff.ms": long(100, "The first wait before a login is tried again.", { importance: "low" }),
    "sasl.mechanism.controller.protocol": string("GSSAPI", "Mechanism towards controllers.", { importance: "high" }),
    "sasl.mechanism.inter.broker.protocol": string("GSSAPI", "Mechanism between brokers.", { scope: "per-broker" }),
    "sasl.server.callback.handler.class": className(null, "Class that checks clients' credentials."),
    "sasl.server.max.receive.size": int(524288, "The largest message of an authentication."),
    "sasl.oauthbearer.assertion.algorithm": string("RS256", "Algorithm assertions are signed with.", {
      oneOfAnyCase: ["ES256", "RS256"],
    }),
    "sasl.oauthbearer.assertion.claim.aud": string(null, "Audience claimed in an assertion."),
    "sasl.oauthbearer.assertion.claim.exp.seconds": int(300, "How long an assertion is valid.", {
      min: 0,
      max: 86400,
      importance: "low",
    }),
    "sasl.oauthbearer.assertion.claim.iss": string(null, "Issuer claimed in an assertion."),
    "sasl.oauthbearer.assertion.claim.jti.include": boolean(false, "Whether an assertion carries an id."),
    "sasl.oauthbearer.assertion.claim.nbf.seconds": int(60, "How long before its making an assertion is valid.", {
      min: 0,
      max: 3600,
      importance: "low",
    }),
    "sasl.oauthbearer.assertion.claim.sub": string(null, "Subject claimed in an assertion."),
    "sasl.oauthbearer.assertion.file": string(null, "File with a ready assertion."),
    "sasl.oauthbearer.assertion.private.key.file": string(null, "File with the key assertions are signed with."),
    "sasl.oauthbearer.assertion.private.key.passphrase": password("Passphrase of that key."),
    "sasl.oauthbearer.assertion.template.file": string(null, "File with further claims of an assertion."),
    "sasl.oauthbearer.client.credentials.client.id": string(null, "Client id at the token endpoint."),
    "sasl.oauthbearer.client.credentials.client.secret": password("Client secret at the token endpoint."),
    "sasl.oauthbearer.clock.skew.seconds": int(30, "How far clocks may differ.", { importance: "low" }),
    "sasl.oauthbearer.expected.audience": list([], "Audiences a token may be for.", { importance: "low" }),
    "sasl.oauthbearer.expected.issuer": string(null, "The issuer a token must be from.", { importance: "low" }),
    "sasl.oauthbearer.jwks.endpoint.refresh.ms": long(3600000, "How often signing keys are fetched.", {
      importance: "low",
    }),
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": long(10000, "The longest wait before fetching them again.", {
      importance: "low",
    }),
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": long(100, "The first wait before fetching them again.", {
      importance: "low",
    }),
    "sasl.oauthbearer.jwks.endpoint.url": string(null, "Where signing keys are fetched from."),
    "sasl.oauthbearer.jwt.retriever.class": className(
      "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
      "Class that gets the broker's own token.",
    ),
    "sasl.oauthbearer.jwt.validator.class": className(
      "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
      "Class that checks tokens.",
    ),
    "sasl.oauthbearer.scope": string(null, "Scope asked for at the token endpoint."),
    "sasl.oauthbearer.scope.claim.name": string("scope", "Claim that holds a token's scope.", { importance: "low" }),
    "sasl.oauthbearer.sub.claim.name": string("sub", "Claim that holds a token's subject.", { importance: "low" }),
    "sasl.oauthbearer.token.endpoint.url": string(null, "Where tokens are fetched from."),
    "ssl.allow.dn.changes": boolean(false, "Whether a new certificate may have another distinguished name.", {
      importance: "low",
    }),
    "ssl.allow.san.changes": boolean(false, "Whether a new certificate may lack alternative names of the old.", {
      importance: "low",
    }),
    "ssl.cipher.suites": list([], "Cipher suites allowed; none named allows all.", { scope: "per-broker" }),
    "ssl.client.auth": string("none", "Whether clients must show a certificate.", {
      oneOf: ["required", "requested", "none"],
      scope: "per-broker",
    }),
    "ssl.enabled.protocols": list(["TLSv1.2", "TLSv1.3"], "Versions of TLS allowed.", { scope: "per-broker" }),
    "ssl.endpoint.identification.algorithm": string("https", "How the name in a server's certificate is checked.", {
      importance: "low",
      scope: "per-broker",
    }),
    "ssl.engine.factory.class": className(null, "Class that makes TLS engines.", {
      importance: "low",
      scope: "per-broker",
    }),
    "ssl.key.password": password("Password of the private key.", { scope: "per-broker" }),
    "ssl.keymanager.algorithm": string("SunX509", "Algorithm of the key manager.", { scope: "per-broker" }),
    "ssl.keystore.certificate.chain": password("Certificates, in PEM.", { scope: "per-broker" }),
    "ssl.keystore.key": password("Private key, in PEM.", { scope: "per-broker" }),
    "ssl.keystore.location": string(null, "File with the private key and certificates.", { scope: "per-broker" }),
    "ssl.keystore.password": password("Password of that file.", { scope: "per-broker" }),
    "ssl.keystore.type": string("JKS", "Format of that file.", { scope: "per-broker" }),
    "ssl.principal.mapping.rules": string("DEFAULT", "Rules that turn distinguished names into short names.", {
      importance: "low",
    }),
    "ssl.protocol": string("TLSv1.3", "Version of TLS preferred.", { scope: "per-broker" }),
    "ssl.provider": string(null, "Provider of TLS.", { scope: "per-broker" }),
    "ssl.secure.random.implementation": string(null, "Source of randomness for TLS.", {
      importance: "low",
      scope: "per-broker",
    }),
    "ssl.trustmanager.algorithm": string("PKIX", "Algorithm of the trust manager.", { scope: "per-broker" }),
    "ssl.truststore.certificates": password("Trusted certificates, in PEM.", { scope: "per-broker" }),
    "ssl.truststore.location": string(null, "File with trusted certificates.", { scope: "per-broker" }),
    "ssl.truststore.password": password("Password of that file.", { scope: "per-broker" }),
    "ssl.truststore.type": string("JKS", "Format of that file.", { scope: "per-broker" }),
  }),
};
