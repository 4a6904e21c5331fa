using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Pebble inside a machine of its own network, where it looks for challenges on ports 80 and 443 as Let's Encrypt does; every name is
/// 127.0.0.1.</summary>
internal static class LabAuthority
{
    public const string DirectoryUrl = "https://localhost:14000/dir";

    /// <summary>The root of the authority's own API.</summary>
    public const string ApiRoot = "/etc/pebble/api-root.pem";

    public static void Demand()
    {
        Tool.Demand("pebble");
        Tool.Demand("pebble-challtestsrv");
    }

    /// <summary>Starts it, and writes the root of what it issues to <paramref name="rootFile"/>.</summary>
    public static async Task StartAsync(SystemdLab lab, string rootFile)
    {
        var authority = new TestAuthority();
        var (chain, key) = authority.Issue(["localhost"]);
        await lab.WriteFileAsync(ApiRoot, authority.Root.ExportCertificatePem());
        await lab.WriteFileAsync("/etc/pebble/api.pem", chain);
        await lab.WriteFileAsync("/etc/pebble/api.key", key);
        await lab.WriteFileAsync("/etc/pebble/pebble.json", """
            {
              "pebble": {
                "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
                "certificate": "/etc/pebble/api.pem", "privateKey": "/etc/pebble/api.key",
                "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false
              }
            }
            """);
        _ = (await lab.RunAsync(
            "systemd-run", "--quiet", "--unit", "names", "pebble-challtestsrv", "-dns01", "127.0.0.1:8053", "-management", "127.0.0.1:8055",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")).Text;
        _ = (await lab.RunAsync(
            "systemd-run", "--quiet", "--unit", "authority", "--setenv", "PEBBLE_VA_NOSLEEP=1", "--setenv", "PEBBLE_AUTHZREUSE=0",
            "pebble", "-strict", "-config", "/etc/pebble/pebble.json", "-dnsserver", "127.0.0.1:8053")).Text;
        await Eventually.TrueAsync(
            async () =>
                (await lab.RunAsync("curl", "--silent", "--fail", "--cacert", ApiRoot, "--output", rootFile, "https://localhost:15000/roots/0")).ExitCode == 0,
            "Pebble responds");
    }

    /// <summary>From now on it cannot find the name, and refuses what is ordered for it.</summary>
    public static Task RefuseAsync(SystemdLab lab, string name) => TellNamesAsync(lab, "set-servfail", name);

    public static Task AcceptAsync(SystemdLab lab, string name) => TellNamesAsync(lab, "clear-servfail", name);

    private static async Task TellNamesAsync(SystemdLab lab, string order, string name) =>
        _ = (await lab.RunAsync("curl", "--silent", "--fail", "--data", $$"""{"host":"{{name}}"}""", $"http://127.0.0.1:8055/{order}")).Text;
}
