using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>tls</c>: own files, a certificate authority's account, or Caddy's own authority.</summary>
internal sealed class TlsReader(ImportRemarks remarks, SettingsDraft server)
{
    private static readonly Dictionary<string, string> _keyTypes = new() { ["p256"] = "P256", ["p384"] = "P384", ["rsa2048"] = "Rsa2048" };

    public bool HasFiles { get; private set; }

    public bool IsInternal { get; private set; }

    public void Read(Statement tls)
    {
        switch (tls.Arguments)
        {
            case []:
                break;
            case [{ Text: "internal" }]:
                IsInternal = true;
                break;
            case [{ Text: var email }] when email.Contains('@', StringComparison.Ordinal):
                SetEmail(email, tls.At, server);
                break;
            case [var certificate, var key]:
                HasFiles = true;
                server.AppendNode("EdgeProxy:Tls:Certificates", new JsonObject { ["Certificate"] = PathOf(certificate), ["Key"] = PathOf(key) }, tls.At);
                break;
            default:
                remarks.Problem(tls.At, $"'{tls}' is not understood; write 'tls CERTIFICATE KEY', 'tls you@example.com' or 'tls internal'");
                break;
        }

        foreach (var option in tls.Block ?? [])
        {
            ReadOption(option);
        }
    }

    public static void SetEmail(string email, SourceLine at, SettingsDraft server) => server.Set("EdgeProxy:Tls:Acme:Email", JsonValue.Create(email), at);

    /// <summary>The options that the global block has too, there with <c>acme_</c> in front.</summary>
    /// <returns>Whether it was one that can be translated.</returns>
    public static bool TryReadAuthority(string name, Statement option, SettingsDraft server)
    {
        switch (name, option.Words.ToArray())
        {
            case ("ca", [var url]):
                SetDirectory(url, option.At, server);
                return true;
            case ("ca_root", [var file]):
                server.Set("EdgeProxy:Tls:Acme:TrustedRoots", JsonValue.Create(file), option.At);
                return true;
            case ("eab", [var id, var key]):
                SetAccount(id, key, option.At, server);
                return true;
            case ("key_type", [var type]) when _keyTypes.TryGetValue(type, out var kind):
                server.Set("EdgeProxy:Tls:Acme:KeyType", JsonValue.Create(kind), option.At);
                return true;
            default:
                return false;
        }
    }

    public static void SetAccount(string id, string key, SourceLine at, SettingsDraft server) =>
        server.Set("EdgeProxy:Tls:Acme:ExternalAccount", new JsonObject { ["KeyId"] = id, ["HmacKey"] = key }, at);

    private static void SetDirectory(string url, SourceLine at, SettingsDraft server)
    {
        var host = Uri.TryCreate(url, UriKind.Absolute, out var parsed) ? parsed.Host : "";
        if (host == "acme-staging-v02.api.letsencrypt.org")
        {
            server.Set("EdgeProxy:Tls:Acme:Staging", JsonValue.Create(true), at);
        }
        else if (host != "acme-v02.api.letsencrypt.org")
        {
            server.Set("EdgeProxy:Tls:Acme:DirectoryUrl", JsonValue.Create(url), at);
        }
    }

    private void ReadOption(Statement option)
    {
        if (TryReadAuthority(option.Name.Text, option, server))
        {
            return;
        }

        switch (option.Name.Text, option.Words.ToArray())
        {
            case ("protocols", ["tls1.2"] or ["tls1.2", "tls1.3"]):
                break; // so it is
            case ("issuer", ["internal"]) when option.Block is null:
                IsInternal = true;
                break;
            case ("issuer", ["acme"]) when option.Block is null:
                break;
            default:
                remarks.Problem(option.At, $"'{option}' of tls cannot be translated: {Why(option.Name.Text)}");
                break;
        }
    }

    private static string Why(string name) => name switch
    {
        "dns" =>
            "EdgeProxy proves names over port 80 or 443, not by DNS; where neither can be reached, get certificates by another client and write 'tls " +
                "CERTIFICATE KEY'",
        "on_demand" => "certificates are for the names in the settings; name them in the site's address",
        "client_auth" => "EdgeProxy requests no client certificates; keep this site behind another server",
        "load" => "certificate and key are two files in EdgeProxy's settings; write 'tls CERTIFICATE KEY'",
        "protocols" or "ciphers" or "curves" or "alpn" => "EdgeProxy speaks TLS 1.2 and 1.3 with the system's ciphers, HTTP/1.1 and HTTP/2; remove it",
        _ => "remove it, or set EdgeProxy:Tls by hand",
    };

    private static string PathOf(Token file) => Path.GetFullPath(file.Text, Path.GetDirectoryName(Path.GetFullPath(file.At.File))!);
}
