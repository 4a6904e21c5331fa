using EdgeProxy.Configuration;

namespace EdgeProxy.Tests.Configuration;

/// <summary>One wrong setting each, beside settings that are right: exactly that one is reported.</summary>
public sealed class SettingsRulesTests
{
    [Theory]
    // Unknown keys, at every depth.
    [InlineData("EdgeProxy:Swtich:Observe", "\"00:00:10\"", "EdgeProxy:Swtich", "did you mean EdgeProxy:Switch?")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/static", "Root": "/srv", "Rooot": "/srv" }]""", "EdgeProxy:StaticFiles:0:Rooot", "did you mean EdgeProxy:StaticFiles:0:Root?")]
    [InlineData("EdgeProxy:Health:Zzzzzzzz", "1", "EdgeProxy:Health:Zzzzzzzz", "known here: Path, Host, ")]
    [InlineData("EdgePoxy:Health", "{}", "EdgePoxy", "did you mean EdgeProxy?")]
    [InlineData("Kestrel:Limits:MaxRequestHeadersCount", "90", "Kestrel:Limits:MaxRequestHeadersCount", "did you mean Kestrel:Limits:MaxRequestHeaderCount?")]
    [InlineData(
        "Kestrel:Limits:Http2:MaxStreamPerConnection", "90", "Kestrel:Limits:Http2:MaxStreamPerConnection",
        "did you mean Kestrel:Limits:Http2:MaxStreamsPerConnection?")]
    // Values of the wrong kind.
    [InlineData("EdgeProxy:Health:Attempts", "\"x\"", "EdgeProxy:Health:Attempts", "must be a whole number")]
    [InlineData("EdgeProxy:Health:Attempts", "null", "EdgeProxy:Health:Attempts", "must be a whole number")]
    [InlineData("EdgeProxy:Health:Attempts", "99999999999", "EdgeProxy:Health:Attempts", "must be a whole number")]
    [InlineData("EdgeProxy:Health:ExpectedStatus", "null", "EdgeProxy:Health:ExpectedStatus", "must be a text")]
    [InlineData("EdgeProxy:Health:Path", """{ "a": 1 }""", "EdgeProxy:Health:Path", "must be a text, not an object or a list")]
    [InlineData("EdgeProxy:Health", "\"x\"", "EdgeProxy:Health", "must be an object: {...}")]
    [InlineData("EdgeProxy:Health", "null", "EdgeProxy:Health", "must be an object, not null")]
    [InlineData("EdgeProxy:Switch:WarmUp", "\"/\"", "EdgeProxy:Switch:WarmUp", "must be a list: [...]")]
    [InlineData("EdgeProxy:Switch:WarmUp", """{ "first": "/" }""", "EdgeProxy:Switch:WarmUp", "must be a list: [...]")]
    [InlineData("EdgeProxy:Switch:WarmUp", "[null]", "EdgeProxy:Switch:WarmUp:0", "must be a text")]
    [InlineData("EdgeProxy:Units:Process:Environment", "\"A=B\"", "EdgeProxy:Units:Process:Environment", "must be an object: {...}")]
    [InlineData("EdgeProxy:Switch:Rescue", "\"yes\"", "EdgeProxy:Switch:Rescue", "must be true or false")]
    [InlineData("EdgeProxy:Switch:MaxErrorRatio", "\"NaN\"", "EdgeProxy:Switch:MaxErrorRatio", "must be a number")]
    [InlineData("EdgeProxy:InitialSlot", "\"red\"", "EdgeProxy:InitialSlot", "must be Blue, Green")]
    [InlineData("EdgeProxy:InitialSlot", "1", "EdgeProxy:InitialSlot", "must be Blue, Green")]
    [InlineData("EdgeProxy:Upstream:ServerKeepAlive", "\"75\"", "EdgeProxy:Upstream:ServerKeepAlive", "must be a duration")]
    [InlineData("EdgeProxy:Upstream:MaxConcurrent", "0", "EdgeProxy:Upstream:MaxConcurrent", "must be a whole number from 1 to 100000")]
    [InlineData("EdgeProxy:Upstream:MaxConcurrent", "\"many\"", "EdgeProxy:Upstream:MaxConcurrent", "must be a whole number")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "For": "00:00:10" }]""", "EdgeProxy:Switch:Canary:0:Share", "is missing")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "Share": 100 }]""", "EdgeProxy:Switch:Canary:0:Share", "must be a number from 0.1 to 99")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "Share": 5 }, { "Share": 5 }]""", "EdgeProxy:Switch:Canary:1:Share", "must be more than the 5 of")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "Share": 5, "For": "00:00:00" }]""", "EdgeProxy:Switch:Canary:0:For", "must be a duration from 00:00:01")]
    [InlineData("EdgeProxy:Switch:Canary", """[{ "Share": 5, "Fro": 1 }]""", "EdgeProxy:Switch:Canary:0:Fro", "did you mean EdgeProxy:Switch:Canary:0:For?")]
    [InlineData("EdgeProxy:Switch:TestClients", """["0.0.0.0/0"]""", "EdgeProxy:Switch:TestClients:0", "is every address")]
    [InlineData("EdgeProxy:Switch:TestClients", """["office"]""", "EdgeProxy:Switch:TestClients:0", "must be an IP address or a network")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Paths": ["/a"] }]""", "EdgeProxy:RateLimits:0:Requests", "is missing")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 0 }]""", "EdgeProxy:RateLimits:0:Requests", "must be a whole number from 1 to 1000000")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Burst": 0 }]""", "EdgeProxy:RateLimits:0:Burst", "must be a whole number from 1")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Period": "00:00:00" }]""", "EdgeProxy:RateLimits:0:Period", "must be a duration from 00:00:01")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Paths": ["a"] }]""", "EdgeProxy:RateLimits:0:Paths:0", "must be a path that starts with /")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Mode": "Log" }]""", "EdgeProxy:RateLimits:0:Mode", "must be Enforce, Report")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Name": "a b" }]""", "EdgeProxy:RateLimits:0:Name", "must be 1 to 64 of")]
    [InlineData("EdgeProxy:RateLimits", """[{ "Requests": 1, "Name": "a" }, { "Requests": 2, "Name": "a" }]""", "EdgeProxy:RateLimits:1:Name", "is there twice")]
    [InlineData("EdgeProxy:Switch:Hooks:BeforeFlip", """[{ "Timeout": "00:00:09" }]""", "EdgeProxy:Switch:Hooks:BeforeFlip:0:Command", "is missing")]
    [InlineData("EdgeProxy:Switch:Hooks:AfterEnd", """[{ "Command": ["true"] }]""", "EdgeProxy:Switch:Hooks:AfterEnd:0:Command", "by its whole path")]
    [InlineData("EdgeProxy:Switch:Hooks:AfterEnd", """[{ "Command": "true" }]""", "EdgeProxy:Switch:Hooks:AfterEnd:0:Command", "must be a list")]
    [InlineData(
        "EdgeProxy:Switch:Hooks:AfterEnd", """[{ "Command": ["/bin/true"], "User": "no-such-user" }]""", "EdgeProxy:Switch:Hooks:AfterEnd:0:User",
        "is not a user of this machine")]
    [InlineData(
        "EdgeProxy:Switch:Hooks:AfterEnd", """[{ "Command": ["/bin/true"], "Timeout": "01:00:00" }]""", "EdgeProxy:Switch:Hooks:AfterEnd:0:Timeout",
        "must be a duration from 00:00:01 to 00:10:00")]
    [InlineData("EdgeProxy:Notify:Receivers:ops", """{ "Events": [] }""", "EdgeProxy:Notify:Receivers:ops:Url", "is missing: where messages are sent, or Command")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Url": "http://h/", "Command": ["/bin/true"] }""", "EdgeProxy:Notify:Receivers:ops:Url",
        "and Command are both there")]
    [InlineData("EdgeProxy:Notify:Receivers:ops", """{ "Url": "ftp://h/" }""", "EdgeProxy:Notify:Receivers:ops:Url", "must be an http:// or https:// URL")]
    [InlineData("EdgeProxy:Notify:Receivers:o p", """{ "Url": "http://h/" }""", "EdgeProxy:Notify:Receivers:o p", "is no name for a receiver")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Url": "http://h/", "Format": "Teams" }""", "EdgeProxy:Notify:Receivers:ops:Format",
        "must be Json, Slack, DingTalk, WeCom")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Url": "http://h/", "Events": ["Deployed"] }""", "EdgeProxy:Notify:Receivers:ops:Events:0",
        "must be SwitchEnded, RolledBack, Rescued, UnitFailed, CertificateInDanger")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Url": "http://h/", "SecretFile": "/no/such/file" }""", "EdgeProxy:Notify:Receivers:ops:SecretFile",
        "cannot be read")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Url": "http://h/", "Format": "Slack", "SecretFile": "/etc/hostname" }""",
        "EdgeProxy:Notify:Receivers:ops:SecretFile", "is of no use: Slack knows no signature")]
    [InlineData(
        "EdgeProxy:Notify:Receivers:ops", """{ "Command": ["mail"] }""", "EdgeProxy:Notify:Receivers:ops:Command", "must be the program by its whole path")]
    [InlineData("EdgeProxy:Companions", """[{ "Unit": "w.service" }]""", "EdgeProxy:Companions:0:Name", "must be 1 to 32 of")]
    [InlineData("EdgeProxy:Companions", """[{ "Name": "w" }]""", "EdgeProxy:Companions:0:Unit", "is missing: one systemd service for both slots")]
    [InlineData(
        "EdgeProxy:Companions", """[{ "Name": "w", "Unit": "w.service", "Settle": "00:11:00" }]""", "EdgeProxy:Companions:0:Settle", "must be a duration from")]
    [InlineData("EdgeProxy:Companions", """[{ "Name": "w", "Unit": "w" }]""", "EdgeProxy:Companions:0:Unit", "must be the full name of a systemd service")]
    [InlineData("EdgeProxy:Companions", """[{ "Name": "w", "BlueUnit": "w.service" }]""", "EdgeProxy:Companions:0:GreenUnit", "is missing")]
    [InlineData(
        "EdgeProxy:Companions", """[{ "Name": "w", "BlueUnit": "w.service", "GreenUnit": "w.service" }]""", "EdgeProxy:Companions:0:GreenUnit", "is named twice")]
    [InlineData(
        "EdgeProxy:Companions", """[{ "Name": "w", "Unit": "w.service", "BlueUnit": "v.service" }]""", "EdgeProxy:Companions:0:Unit",
        "and BlueUnit or GreenUnit are both there")]
    [InlineData("EdgeProxy:Companions", """[{ "Name": "w", "Unit": "blue.service" }]""", "EdgeProxy:Companions:0:Unit", "is named twice")]
    [InlineData(
        "EdgeProxy:Companions", """[{ "Name": "w", "Unit": "w.service", "When": "Never" }]""", "EdgeProxy:Companions:0:When", "must be AfterFlip, AfterObserve")]
    [InlineData("EdgeProxy:Upstream:QueueTimeout", "30", "EdgeProxy:Upstream:QueueTimeout", "must be a duration")]
    [InlineData("Kestrel:Limits:KeepAliveTimeout", "130", "Kestrel:Limits:KeepAliveTimeout", "must be a duration")]
    // Limits, as one would write them.
    [InlineData("EdgeProxy:Switch:KeepWarm", "\"8.00:00:00\"", "EdgeProxy:Switch:KeepWarm", "must be a duration from 00:00:00 to 7.00:00:00")]
    [InlineData("EdgeProxy:Health:Interval", "\"00:00:00.05\"", "EdgeProxy:Health:Interval", "must be a duration from 00:00:00.1 to 00:10:00")]
    // Slots and units.
    [InlineData("EdgeProxy:Slots:Green", "null", "EdgeProxy:Slots:Green", "is missing")]
    [InlineData("EdgeProxy:Slots:Green:Address", "\"127.0.0.1:8100\"", "EdgeProxy:Slots:Green:Address", "must be http://HOST:PORT")]
    [InlineData("EdgeProxy:Slots:Green:Address", "null", "EdgeProxy:Slots:Green:Address", "is missing")]
    [InlineData("EdgeProxy:Slots:Green:Address", "\"http://localhost:8000\"", "EdgeProxy:Slots:Green:Address", "is the address of blue too")]
    [InlineData("EdgeProxy:Slots:Green:Unit", "\"blue.service\"", "EdgeProxy:Slots:Green:Unit", "is the unit of blue too")]
    [InlineData("EdgeProxy:Slots:Green:Unit", "\"green\"", "EdgeProxy:Slots:Green:Unit", "must be the full name of a systemd service")]
    [InlineData("EdgeProxy:Slots:Green:Unit", "\"\"", "EdgeProxy:Slots:Green:Unit", "is missing")]
    [InlineData("EdgeProxy:Units:Manager", "\"Process\"", "EdgeProxy:Units:Process:Command", "is missing")]
    [InlineData("EdgeProxy:Units", """{ "Manager": "Process", "Process": { "Command": "gunicorn app.wsgi" } }""", "EdgeProxy:Units:Process:Command", "must contain {address}")]
    // Health and switch.
    [InlineData("EdgeProxy:Health:Path", "\"healthz\"", "EdgeProxy:Health:Path", "must be a path that starts with /")]
    [InlineData("EdgeProxy:Health:Path", "\"/a/../b\"", "EdgeProxy:Health:Path", "must be a path that starts with /")]
    [InlineData("EdgeProxy:Health:Path", "\"/a b\"", "EdgeProxy:Health:Path", "must be a path that starts with /")]
    [InlineData("EdgeProxy:Health:Host", "\"https://shop.example.com\"", "EdgeProxy:Health:Host", "must be a host name")]
    [InlineData("EdgeProxy:Health:Host", "\"\"", "EdgeProxy:Health:Host", "must be a host name")]
    [InlineData("EdgeProxy:Health:ExpectedStatus", "\"2xx\"", "EdgeProxy:Health:ExpectedStatus", "must be status codes")]
    [InlineData("EdgeProxy:Switch:WarmUp", """["/", "items"]""", "EdgeProxy:Switch:WarmUp:1", "must be a path that starts with /")]
    [InlineData("EdgeProxy:Switch:StreamPaths", """["/a", "/a"]""", "EdgeProxy:Switch:StreamPaths:1", "twice")]
    // Upstream and trusted proxies.
    [InlineData("EdgeProxy:Upstream:MaxRequestBodySize", "-1", "EdgeProxy:Upstream:MaxRequestBodySize", "0 or more")]
    [InlineData("EdgeProxy:TrustedProxies", """["10.0.0.0/33"]""", "EdgeProxy:TrustedProxies:0", "must be an IP address or a network")]
    [InlineData("EdgeProxy:TrustedProxies", """["cdn.example.com"]""", "EdgeProxy:TrustedProxies:0", "must be an IP address or a network")]
    [InlineData("EdgeProxy:TrustedProxies", """["::1", "0.0.0.0/0"]""", "EdgeProxy:TrustedProxies:1", "any client could claim any other's")]
    [InlineData("EdgeProxy:TrustedProxies", """["::/0"]""", "EdgeProxy:TrustedProxies:0", "any client could claim any other's")]
    [InlineData("EdgeProxy:TrustedProxies", """["::ffff:0.0.0.0/96"]""", "EdgeProxy:TrustedProxies:0", "any client could claim any other's")]
    // Static files and compression.
    [InlineData("EdgeProxy:StaticFiles", """[{ "Root": "/srv" }]""", "EdgeProxy:StaticFiles:0:Path", "is missing")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/static" }]""", "EdgeProxy:StaticFiles:0:Root", "is missing")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "static", "Root": "/srv" }]""", "EdgeProxy:StaticFiles:0:Path", "must be a path that starts with /")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/static", "Root": "srv" }]""", "EdgeProxy:StaticFiles:0:Root", "must be an absolute path")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/srv", "Fallbacks": ["old"] }]""", "EdgeProxy:StaticFiles:0:Fallbacks:0", "must be an absolute path")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/a" }, { "Path": "/s/", "Root": "/b" }]""", "EdgeProxy:StaticFiles:1:Path", "is there twice")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s?v=1", "Root": "/srv" }]""", "EdgeProxy:StaticFiles:0:Path", "without a query")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "Index": ["a/b"] }]""", "EdgeProxy:StaticFiles:0:Index:0", "must be the name of a file")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "TryFiles": ["=404"] }]""", "EdgeProxy:StaticFiles:0:TryFiles:0", "without =404")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "TryFiles": ["{uri}"] }]""", "EdgeProxy:StaticFiles:0:TryFiles:0", "must be {path}")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "TryFiles": ["/../x"] }]""", "EdgeProxy:StaticFiles:0:TryFiles:0", "no . or .. segment")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "Hide": ["a/b"] }]""", "EdgeProxy:StaticFiles:0:Hide:0", "must start with / where it is a path: /a/b")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "Hide": ["/"] }]""", "EdgeProxy:StaticFiles:0:Hide:0", "must be a name")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "CacheControl": [{ "Path": "*.js" }] }]""", "EdgeProxy:StaticFiles:0:CacheControl:0:Value", "is missing")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/s", "Root": "/", "CacheControl": [{ "Path": "*.js", "Value": "a\nb" }] }]""", "EdgeProxy:StaticFiles:0:CacheControl:0:Value", "printable ASCII")]
    [InlineData("EdgeProxy:Compression:Encodings", """["zstd", "deflate"]""", "EdgeProxy:Compression:Encodings:1", "must be one of zstd, br, gzip")]
    [InlineData("EdgeProxy:Compression:MimeTypes", """["text"]""", "EdgeProxy:Compression:MimeTypes:0", "must be a content type")]
    [InlineData("EdgeProxy:Compression:ExcludePaths", """["login"]""", "EdgeProxy:Compression:ExcludePaths:0", "must be a path")]
    [InlineData("EdgeProxy:Compression:CacheSize", "\"64 megabytes\"", "EdgeProxy:Compression:CacheSize", "must be a whole number with B, KB, MB or GB")]
    // TLS.
    [InlineData("EdgeProxy:Tls:Acme:Domains", """["example.com"]""", "EdgeProxy:Tls:Acme:AcceptTermsOfService", "must be true")]
    [InlineData("EdgeProxy:Tls:Acme", """{ "Domains": ["*.example.com"], "AcceptTermsOfService": true }""", "EdgeProxy:Tls:Acme:Domains:0", "must be a full domain name")]
    [InlineData("EdgeProxy:Tls:Acme:DirectoryUrl", "\"http://ca.example.com/dir\"", "EdgeProxy:Tls:Acme:DirectoryUrl", "must be the https URL")]
    [InlineData("EdgeProxy:Tls:Acme", """{ "DirectoryUrl": "https://ca.example.com/dir", "Staging": true }""", "EdgeProxy:Tls:Acme:Staging", "set one of the two")]
    [InlineData("EdgeProxy:Tls:Acme:Email", "\"ops\"", "EdgeProxy:Tls:Acme:Email", "must be an e-mail address")]
    [InlineData("EdgeProxy:Tls:Acme:Challenges", """["Http01", "Http01"]""", "EdgeProxy:Tls:Acme:Challenges:1", "twice")]
    [InlineData("EdgeProxy:Tls:Acme:ExternalAccount", """{ "KeyId": "k" }""", "EdgeProxy:Tls:Acme:ExternalAccount:HmacKey", "is missing")]
    [InlineData("EdgeProxy:Tls:Acme:Fallbacks", """[{ "DirectoryUrl": "" }]""", "EdgeProxy:Tls:Acme:Fallbacks:0:DirectoryUrl", "is missing")]
    [InlineData("EdgeProxy:Tls:Acme:Fallbacks", """[{ "DirectoryUrl": "ca.example.com" }]""", "EdgeProxy:Tls:Acme:Fallbacks:0:DirectoryUrl", "must be the https URL")]
    [InlineData("EdgeProxy:Tls:Acme:Fallbacks", """[{ "DirectoryUrl": "https://ca.example.com/dir", "ExternalAccount": { "HmacKey": "AAAA" } }]""", "EdgeProxy:Tls:Acme:Fallbacks:0:ExternalAccount:KeyId", "is missing")]
    [InlineData("EdgeProxy:Tls:Acme:RehearsalDirectoryUrl", "\"staging\"", "EdgeProxy:Tls:Acme:RehearsalDirectoryUrl", "must be the https URL")]
    [InlineData("EdgeProxy:Tls:Certificates", """[{ "Certificate": "fullchain.pem" }]""", "EdgeProxy:Tls:Certificates:0:Key", "is missing")]
    [InlineData("EdgeProxy:Tls:Acme", """{ "Domains": ["shop.example.com."], "AcceptTermsOfService": true }""", "EdgeProxy:Tls:Acme:Domains:0", "must be a full domain name")]
    [InlineData("EdgeProxy:Tls:Acme", """{ "Domains": ["../shop.example.com"], "AcceptTermsOfService": true }""", "EdgeProxy:Tls:Acme:Domains:0", "must be a full domain name")]
    [InlineData("EdgeProxy:Tls:Acme", """{ "Domains": ["127.0.0.1"], "AcceptTermsOfService": true }""", "EdgeProxy:Tls:Acme:Domains:0", "must be a full domain name")]
    [InlineData("EdgeProxy:Tls:Certificates", """[{ "Certificate": "/etc", "Key": "key.pem" }]""", "EdgeProxy:Tls:Certificates:0:Key", "is not for a directory")]
    [InlineData("Kestrel:Endpoints:Https:Url", "\"https://*:443\"", "Kestrel:Endpoints:Https:Url", "nothing names a certificate")]
    [InlineData("EdgeProxy:Tls:Hsts", "\"yes\"", "EdgeProxy:Tls:Hsts", "must be a Strict-Transport-Security value")]
    // Admin and state.
    [InlineData("EdgeProxy:Admin:Socket", "\"admin.sock\"", "EdgeProxy:Admin:Socket", "must be an absolute path")]
    [InlineData("EdgeProxy:Admin:SocketMode", "\"0689\"", "EdgeProxy:Admin:SocketMode", "must be three octal digits")]
    [InlineData("EdgeProxy:Admin:SocketMode", "\"rw\"", "EdgeProxy:Admin:SocketMode", "must be three octal digits")]
    [InlineData("EdgeProxy:Admin:Url", "\"https://127.0.0.1:9900\"", "EdgeProxy:Admin:Url", "must be http://ADDRESS:PORT")]
    [InlineData("EdgeProxy:Admin:Url", "\"http://admin.example.com:9900\"", "EdgeProxy:Admin:Url", "must be http://ADDRESS:PORT")]
    [InlineData("EdgeProxy:Admin:Url", "\"http://0.0.0.0:9900\"", "EdgeProxy:Admin:Url", "is open to other machines")]
    [InlineData("EdgeProxy:Admin:Url", "\"http://127.0.0.1:8100\"", "EdgeProxy:Admin:Url", "is where the green slot listens")]
    [InlineData("EdgeProxy:Admin:TokenFile", "\"\"", "EdgeProxy:Admin:TokenFile", "is missing")]
    [InlineData("EdgeProxy:State:Directory", "\"\"", "EdgeProxy:State:Directory", "is missing")]
    [InlineData("EdgeProxy:AccessLog:Path", "\"\"", "EdgeProxy:AccessLog:Path", "must be a file")]
    // Standard sections.
    [InlineData("AllowedHosts", "\"https://example.com\"", "AllowedHosts", "must be a host name without scheme and port")]
    [InlineData("AllowedHosts", "\"example.com:80\"", "AllowedHosts", "must be a host name without scheme and port")]
    [InlineData("AllowedHosts", "[\"example.com\"]", "AllowedHosts", "must be one text with semicolons")]
    [InlineData("Kestrel:Endpoints:Http", "{}", "Kestrel:Endpoints:Http:Url", "is missing")]
    [InlineData("Kestrel:Endpoints:Http:Url", "\"*:80\"", "Kestrel:Endpoints:Http:Url", "must be an address to listen on")]
    [InlineData("Kestrel:Limits:MinRequestBodyDataRate:BytesPerSecond", "0", "Kestrel:Limits:MinRequestBodyDataRate:BytesPerSecond", "must be more than 0")]
    [InlineData(
        "Kestrel:Limits:MinResponseDataRate:GracePeriod", "\"00:00:01\"", "Kestrel:Limits:MinResponseDataRate:GracePeriod", "must be more than 00:00:01")]
    [InlineData(
        "ReverseProxy:Clusters:App:Destinations:a:Address", "\"http://127.0.0.1:1/\"", "ReverseProxy:Clusters:App", "is the id of EdgeProxy's own cluster")]
    [InlineData(
        "ReverseProxy:Clusters:app-streams:Destinations:a:Address", "\"http://127.0.0.1:1/\"", "ReverseProxy:Clusters:app-streams",
        "is the id of EdgeProxy's own cluster")]
    [InlineData("ReverseProxy:Routes:app", """{ "ClusterId": "app", "Match": { "Path": "/" } }""", "ReverseProxy:Routes:app", "is the id of EdgeProxy's own route")]
    [InlineData("ReverseProxy:Routes:docs", """{ "ClusterId": "docs", "Match": { "Path": "/docs" } }""", "ReverseProxy:Routes:docs:ClusterId", "must be one of the clusters: app")]
    [InlineData("ReverseProxy:Routes:docs", """{ "ClusterId": "app" }""", "ReverseProxy:Routes:docs:Match", "must have a Path or Hosts")]
    [InlineData("ReverseProxy", """{ "Routes": { "all": { "ClusterId": "docs", "Match": { "Path": "/{**rest}" } } }, "Clusters": { "docs": {} } }""", "ReverseProxy:Routes:all:Match:Path", "takes every request")]
    [InlineData("ReverseProxy", """{ "Routes": { "all": { "ClusterId": "docs", "Match": { "Path": "{*rest}" } } }, "Clusters": { "docs": {} } }""", "ReverseProxy:Routes:all:Match:Path", "takes every request")]
    [InlineData(
        "ReverseProxy:Clusters:docs:Destinations:a:Address", "\"notaurl\"", "ReverseProxy:Clusters:docs:Destinations:a:Address", "must be an absolute URL")]
    [InlineData("ReverseProxy:Clusters:docs:Destinations:a", "{}", "ReverseProxy:Clusters:docs:Destinations:a:Address", "is missing")]
    public void A_wrong_setting_is_the_one_error(string key, string json, string reportedKey, string message)
    {
        using var file = SettingsFile.With(key, json);
        var settings = file.Load();

        Assert.Null(settings.Options);
        var problem = Assert.Single(settings.Problems, problem => problem.Severity == SettingsSeverity.Error);
        Assert.Equal(reportedKey, problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("EdgeProxy:Health:Timeout", "\"00:05:00\"", "is longer than a candidate may take altogether")]
    [InlineData("EdgeProxy:Upstream:ServerKeepAlive", "\"00:00:30\"", "is less than twice IdleConnectionTimeout")]
    [InlineData("EdgeProxy:Admin:SocketMode", "\"0666\"", "lets every user of this machine switch")]
    [InlineData("Serilog", "{ \"a\": 1 }", "is not read")]
    public void A_doubtful_setting_only_warns(string key, string json, string message)
    {
        using var file = SettingsFile.With(key, json);
        var settings = file.Load();

        Assert.NotNull(settings.Options);
        var problem = Assert.Single(settings.Problems);
        Assert.Equal((SettingsSeverity.Warning, key), (problem.Severity, problem.Key));
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Certificates_that_cannot_be_read_or_that_nothing_serves_only_warn()
    {
        using var file = SettingsFile.With(
            ("EdgeProxy:Tls:Certificates", """[{ "Certificate": "/nowhere/fullchain.pem", "Key": "/nowhere/key.pem" }, { "Certificate": "/etc" }]"""),
            ("Kestrel:Endpoints:Http:Url", "\"http://*:80\""));
        var settings = file.Load();

        Assert.NotNull(settings.Options);
        Assert.Equal(["EdgeProxy:Tls:Certificates:0:Certificate", "EdgeProxy:Tls"], settings.Problems.Select(problem => problem.Key));
        Assert.Contains("cannot be read", settings.Problems[0].Message, StringComparison.Ordinal);
        Assert.Contains("no endpoint", settings.Problems[1].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("EdgeProxy:StaticFiles", "[]")]
    [InlineData("EdgeProxy:Tls:Certificates", """[{ "Certificate": "/etc" }]""")]
    [InlineData("Kestrel", """{ "Endpoints": { "Https": { "Url": "https://*:443", "Certificate": { "Path": "/c.pem" } } } }""")]
    [InlineData("EdgeProxy:StaticFiles", """[{ "Path": "/static", "Root": "/", "Fallbacks": ["/etc"], "UserContent": true }]""")]
    [InlineData("EdgeProxy:Tls:Hsts", "null")]
    [InlineData("EdgeProxy:Tls:Acme:ExternalAccount", "null")]
    [InlineData("EdgeProxy:Upstream:ServerKeepAlive", "null")]
    [InlineData("EdgeProxy:Upstream:MaxConcurrent", "null")]
    [InlineData("EdgeProxy:Upstream:MaxConcurrentPerClient", "3")]
    [InlineData("EdgeProxy:Upstream:StreamActivityTimeout", "\"02:00:00\"")]
    [InlineData("EdgeProxy:Health:Host", "\"shop.example.com:8443\"")]
    [InlineData("EdgeProxy:TrustedProxies", """["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1", "unix:", "0.0.0.0/1", "::ffff:10.0.0.0/104"]""")]
    [InlineData("EdgeProxy:Admin", """{ "Url": "http://0.0.0.0:9900", "TokenForReads": true }""")]
    [InlineData("EdgeProxy:Admin:Url", "\"http://[::1]:9900\"")]
    [InlineData("EdgeProxy:Admin:SocketMode", "\"660\"")]
    [InlineData("AllowedHosts", "\"example.com; *.example.com;[::1]\"")]
    [InlineData("Kestrel:Limits", """{ "MaxRequestHeaderCount": 80, "KeepAliveTimeout": "00:02:00", "MinRequestBodyDataRate": { "BytesPerSecond": 100, "GracePeriod": "00:01:00" }, "MaxConcurrentConnections": null }""")]
    [InlineData("Kestrel:Endpoints", """{ "A": { "Url": "http://[::]:80" }, "B": { "Url": "http://unix:/run/x.sock" } }""")]
    [InlineData("ReverseProxy", """{ "Routes": { "docs": { "ClusterId": "docs", "Match": { "Path": "/docs/{**rest}" } } }, "Clusters": { "docs": { "Destinations": { "a": { "Address": "https://docs.example.com/" } } } } }""")]
    [InlineData("ReverseProxy", """{ "Routes": { "all": { "ClusterId": "App", "Match": { "Path": "/{**rest}" } } } }""")]
    [InlineData("ReverseProxy", """{ "Routes": { "docs": { "ClusterId": "docs", "Match": { "Path": "/{**rest}", "Hosts": ["docs.example.com"] } } }, "Clusters": { "docs": {} } }""")]
    public void A_right_setting_is_silent(string key, string json)
    {
        using var file = SettingsFile.With(key, json);
        Assert.Empty(file.Load().Problems);
    }

    [Fact]
    public void Without_any_settings_both_slots_are_asked_for()
    {
        using var file = SettingsFile.Of("{}");
        Assert.Equal(["EdgeProxy:Slots:Blue", "EdgeProxy:Slots:Green"], file.Load().Problems.Select(problem => problem.Key));
    }

    [Theory]
    [InlineData("Path", """[{ "Path": "/", "Root": "/etc" }]""", "takes every request")]
    [InlineData("Root", """[{ "Path": "/static", "Root": "/no/such/directory" }]""", "is no directory")]
    [InlineData("Root", """[{ "Path": "/static", "Root": "/etc/passwd" }]""", "is no directory")]
    [InlineData("Root", """[{ "Path": "/media", "Root": "/etc/ssl", "UserContent": true }, { "Path": "/static", "Root": "/etc/" }]""", "lies in the root of /static")]
    [InlineData("Root", """[{ "Path": "/media", "Root": "/etc", "UserContent": true }, { "Path": "/static", "Root": "/etc" }]""", "lies in the root of /static")]
    [InlineData("Fallbacks:0", """[{ "Path": "/static", "Root": "/etc", "Fallbacks": ["/no/such/directory"] }]""", "is no directory")]
    public void Static_files_that_will_not_be_found_are_a_warning(string key, string json, string message)
    {
        using var file = SettingsFile.With("EdgeProxy:StaticFiles", json);
        var problem = Assert.Single(file.Load().Problems);

        Assert.Equal((SettingsSeverity.Warning, $"EdgeProxy:StaticFiles:0:{key}"), (problem.Severity, problem.Key));
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_with_a_port_does_not_fit_a_unix_socket()
    {
        using var file = SettingsFile.With(
            ("EdgeProxy:Slots:Green:Address", "\"unix:/run/green.sock\""),
            ("EdgeProxy:Units", """{ "Manager": "Process", "Process": { "Command": "gunicorn --bind :{port}" } }"""));
        Assert.Contains("write {address}", Assert.Single(file.Load().Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_socket_and_url_nobody_can_switch()
    {
        using var file = SettingsFile.With("EdgeProxy:Admin", """{ "Socket": null, "Url": null }""");
        Assert.Contains("nobody can switch", Assert.Single(file.Load().Problems).Message, StringComparison.Ordinal);
    }
}
