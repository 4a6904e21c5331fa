using System.Security.Cryptography;

namespace EdgeProxy.Tls;

/// <summary>
/// The key exchange groups of every TLS connection of this process, and its cipher suites for TLS 1.2: nothing that is dear for the server and free for the
/// client (D(HE)at, CVE-2002-20001: one ffdhe8192 handshake costs as much CPU as a hundred with X25519), no CBC, no key exchange without forward secrecy.
/// </summary>
/// <remarks>
/// SslStream has no API for groups (dotnet/runtime issue 132239), and its <c>CipherSuitesPolicy</c> gives up session resumption and a shared SSL_CTX. OpenSSL
/// applies the section <c>system_default</c> of its configuration to each SSL_CTX, the runtime's too; so that section is loaded again with ours added, from
/// memory. No file, no environment variable that child processes would inherit. docs/adr/0030.
/// </remarks>
internal static class OpenSslPolicy
{
    /// <summary>The runtime uses what the configuration names in place of its own list, which has CBC suites.</summary>
    private const string CipherSuites =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

    /// <summary>Where loading begins, in place of <c>openssl_conf</c>.</summary>
    private const string Entry = "edgeproxy_conf";

    private const long OpenSsl33 = 0x30300000;
    private const long OpenSsl35 = 0x30500000;

    private static readonly Lazy<OpenSslPolicyOutcome> _applied = new(ApplyNow);

    /// <summary>Applies it, once a process.</summary>
    /// <remarks>It has to come before the first TLS connection: the runtime looks at the configured cipher suites then, and never again.</remarks>
    public static OpenSslPolicyOutcome Apply() => _applied.Value;

    /// <summary>In the server's order. A name with a question mark is passed over by an OpenSSL that lacks it; before 3.3 that mark is an error.</summary>
    public static string GroupsFor(long version) => version switch
    {
        >= OpenSsl35 => "?X25519MLKEM768:?X25519:?P-256:?P-384",
        >= OpenSsl33 => "?X25519:?P-256:?P-384",
        _ => "X25519:P-256:P-384",
    };

    private static OpenSslPolicyOutcome ApplyNow()
    {
        try
        {
            var version = SafeEvpPKeyHandle.OpenSslVersion; // has the runtime load OpenSSL, which reads its configuration
            using var library = OpenSslConfiguration.Open(version);
            return Apply(library, GroupsFor(version), Environment.GetEnvironmentVariable("OPENSSL_CONF"));
        }
        catch (Exception missing) when (missing is DllNotFoundException or EntryPointNotFoundException or PlatformNotSupportedException
            or IOException or UnauthorizedAccessException or CryptographicException)
        {
            return new OpenSslPolicyOutcome(Kept: null, missing.Message);
        }
    }

    /// <param name="own">
    /// The file that OPENSSL_CONF names: what it says of groups or cipher suites was said for this process, and stands. A distribution's file was not.
    /// </param>
    private static OpenSslPolicyOutcome Apply(OpenSslConfiguration library, string groups, string? own)
    {
        var path = library.DefaultFile;
        var present = path is not null && File.Exists(path) ? File.ReadAllText(path) : "";
        var sections = library.FindTls(present);
        string[] kept = string.IsNullOrEmpty(own) ? [] : [.. sections.Names.Where(IsOfThePolicy)];
        var text = Compose(
            present,
            sections,
            kept.Any(name => IsCommand(name, "Groups") || IsCommand(name, "Curves")) ? null : groups,
            kept.Any(name => IsCommand(name, "CipherString")) ? null : CipherSuites);
        // One that OpenSSL cannot read has not been followed so far either.
        var isLoaded = library.TryLoad(text, Entry) || library.TryLoad(Compose("", new OpenSslSections(null, null, []), groups, CipherSuites), Entry);
        return new OpenSslPolicyOutcome(
            kept.Length == 0 ? null : $"{string.Join(", ", kept)} of {path}",
            isLoaded ? null : "OpenSSL did not take the configuration");
    }

    /// <summary>The present configuration with one more entry, by which only its TLS part is loaded: providers, say, are not loaded again.</summary>
    /// <remarks>
    /// OpenSSL passes over what is before a dot in the name of a command, so ours stand beside theirs, are carried out after them, and keep their
    /// security level.
    /// </remarks>
    private static string Compose(string present, OpenSslSections sections, string? groups, string? cipherSuites) =>
        $"""
        {present}

        [default]
        {Entry} = edgeproxy_modules
        [edgeproxy_modules]
        ssl_conf = {sections.Ssl ?? "edgeproxy_ssl"}
        [{sections.Ssl ?? "edgeproxy_ssl"}]
        system_default = {sections.SystemDefault ?? "edgeproxy_tls"}
        [{sections.SystemDefault ?? "edgeproxy_tls"}]
        {(groups is null ? "" : $"edgeproxy.Groups = {groups}")}
        {(cipherSuites is null ? "" : $"edgeproxy.CipherString = {cipherSuites}")}

        """;

    private static bool IsOfThePolicy(string name) => IsCommand(name, "Groups") || IsCommand(name, "Curves") || IsCommand(name, "CipherString");

    private static bool IsCommand(string name, string command) =>
        name.AsSpan(name.IndexOf('.', StringComparison.Ordinal) + 1).Equals(command, StringComparison.OrdinalIgnoreCase);
}

/// <param name="Kept">What of the policy a file named by OPENSSL_CONF decides instead, for people; null: nothing.</param>
/// <param name="Problem">Why it could not be applied; null: it is in force.</param>
internal sealed record OpenSslPolicyOutcome(string? Kept, string? Problem);
