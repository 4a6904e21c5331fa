using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using EdgeProxy.Switching;

namespace EdgeProxy.Fleet;

/// <summary>Checks <c>Fleet</c>.</summary>
internal static partial class FleetRules
{
    private const int MostEndpoints = 9;

    /// <param name="at">The section.</param>
    /// <param name="fleet">What it says.</param>
    public static void Check(SettingsScope at, FleetOptions fleet)
    {
        if (at.Required(nameof(fleet.Name), fleet.Name, "the name of the fleet, the same on every node") && !FleetName().IsMatch(fleet.Name!))
        {
            at.Error(nameof(fleet.Name), "must be 1 to 40 of a-z, 0-9 and -");
        }

        if (!NodeName().IsMatch(NodeOf(fleet)))
        {
            at.Error(nameof(fleet.Node), "must be 1 to 63 of a-z, A-Z, 0-9, ., - and _");
        }

        if (at.Required(nameof(fleet.KeyFile), fleet.KeyFile, "a file that `edgeproxy fleet key` makes, the same on every node"))
        {
            CheckKey(at, nameof(fleet.KeyFile), fleet.KeyFile!);
        }

        if (fleet.PreviousKeyFile is { } previous)
        {
            CheckKey(at, nameof(fleet.PreviousKeyFile), previous);
        }

        at.Range(nameof(fleet.LostAfter), fleet.LostAfter, TimeSpan.FromSeconds(3), TimeSpan.FromMinutes(5));
        at.Range(nameof(fleet.InDoubtAfter), fleet.InDoubtAfter, TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(5));
        at.Range(nameof(fleet.StartPatience), fleet.StartPatience, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        if (fleet.PrepareTimeout is { } prepare)
        {
            at.Range(nameof(fleet.PrepareTimeout), prepare, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        }

        if (fleet.ReadyPath is { Length: > 0 } ready)
        {
            at.RequestPath(nameof(fleet.ReadyPath), ready);
        }

        CheckEtcd(at.In(nameof(fleet.Etcd)), fleet.Etcd);
    }

    /// <summary>Checks what one app may not have in a fleet.</summary>
    /// <param name="at">Where the sections of the app stand.</param>
    /// <param name="options">The app's section <c>Switch</c>.</param>
    public static void CheckApp(SettingsScope at, SwitchOptions options)
    {
        var scope = at.In("Switch");
        if (options.Rescue)
        {
            scope.Error(nameof(options.Rescue), "switches one node, and EdgeProxy:Fleet is there: a node whose unit has failed leaves the rotation instead");
        }

        if (options.Canary is { Length: > 0 })
        {
            scope.Error(nameof(options.Canary), "shares the clients of one node, and EdgeProxy:Fleet is there: a fleet moves all of them at once");
        }
    }

    /// <summary>The name of this node.</summary>
    public static string NodeOf(FleetOptions fleet) => fleet.Node ?? Dns.GetHostName();

    private static void CheckKey(SettingsScope at, string name, string file)
    {
        if (FleetKey.Read(file, out _) is { } problem)
        {
            at.Error(name, problem);
        }
    }

    private static void CheckEtcd(SettingsScope at, EtcdOptions etcd)
    {
        if (etcd.Endpoints is not { Length: > 0 })
        {
            at.Error(nameof(etcd.Endpoints), "is missing: the client URLs of etcd's members, [\"https://10.0.0.1:2379\"]");
        }
        else if (etcd.Endpoints.Length > MostEndpoints)
        {
            at.Error(nameof(etcd.Endpoints), $"has {etcd.Endpoints.Length} members; at most {MostEndpoints} are allowed");
        }

        at.Each(nameof(etcd.Endpoints), etcd.Endpoints, (scope, key, text) =>
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.PathAndQuery != "/"
                || url.UserInfo.Length > 0)
            {
                scope.Error(key, "must be an https URL of a member, https://10.0.0.1:2379, without a path");
            }
            else if (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback)
            {
                scope.Error(key, "is http, and goes to another machine: use https, or whoever is in between can stop every switch");
            }
        });
        CheckFiles(at, etcd);
        if (etcd.User is null != etcd.PasswordFile is null)
        {
            at.Error(nameof(etcd.PasswordFile), "and User go together");
        }
        else if (etcd.PasswordFile is { } password && !IsReadable(password, out var why))
        {
            at.Error(nameof(etcd.PasswordFile), why!);
        }
    }

    private static void CheckFiles(SettingsScope at, EtcdOptions etcd)
    {
        if (etcd.Certificate is null != etcd.Key is null)
        {
            at.Error(nameof(etcd.Key), "and Certificate go together");
        }
        else if (etcd is { Certificate: { } certificate, Key: { } key })
        {
            try
            {
                using var pair = X509Certificate2.CreateFromPemFile(certificate, key);
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
            {
                at.Error(nameof(etcd.Certificate), $"and Key are no certificate with its key: {e.Message}");
            }
        }

        if (etcd.TrustedRoots is { } roots && !IsReadable(roots, out var problem))
        {
            at.Error(nameof(etcd.TrustedRoots), problem!);
        }
    }

    private static bool IsReadable(string file, out string? problem)
    {
        problem = null;
        try
        {
            using var stream = File.OpenRead(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = $"cannot be read: {e.Message}";
        }

        return problem is null;
    }

    [GeneratedRegex(@"^[a-z0-9-]{1,40}\z")]
    private static partial Regex FleetName();

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,63}\z")]
    private static partial Regex NodeName();
}
