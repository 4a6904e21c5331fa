using System.Net;
using EdgeProxy.Admin;
using EdgeProxy.Slots;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Admin</c>, <c>State</c> and <c>AccessLog</c>.</summary>
internal static class AdminRules
{
    public static void Check(SettingsScope root, EdgeProxyOptions options)
    {
        var admin = options.Admin;
        var at = root.In(nameof(options.Admin));
        if (!string.IsNullOrEmpty(admin.Socket))
        {
            CheckSocket(at, admin);
        }

        if (!string.IsNullOrEmpty(admin.Url))
        {
            CheckUrl(at, options);
            at.Required(nameof(admin.TokenFile), admin.TokenFile, "the file with the token for calls over Admin:Url");
        }
        else if (string.IsNullOrEmpty(admin.Socket))
        {
            at.Warn(nameof(admin.Url), "and Admin:Socket are both empty: nobody can switch or see the status");
        }

        root.In(nameof(options.State)).Required(nameof(options.State.Directory), options.State.Directory, "the directory that remembers the active slot");
        var log = root.In(nameof(options.AccessLog));
        if (options.AccessLog.Path is "")
        {
            log.Error(nameof(options.AccessLog.Path), "must be a file, or null for standard output");
        }

        log.Each(nameof(options.AccessLog.QueryValues), options.AccessLog.QueryValues, (at, key, name) =>
            at.Required(key, name, "the name of a query parameter, such as page"));
    }

    private static void CheckSocket(SettingsScope at, AdminOptions admin)
    {
        if (!SlotAddress.TryParse("unix:" + admin.Socket, out _))
        {
            at.Error(nameof(admin.Socket), "must be an absolute path of less than 108 characters");
        }

        if (admin.ParsedSocketMode is not { } mode)
        {
            at.Error(nameof(admin.SocketMode), "must be three octal digits after a 0, such as \"0660\"");
        }
        else if (mode.HasFlag(UnixFileMode.OtherWrite))
        {
            at.Warn(nameof(admin.SocketMode), "lets every user of this machine switch");
        }
    }

    private static void CheckUrl(SettingsScope at, EdgeProxyOptions options)
    {
        var admin = options.Admin;
        if (!AdminUrl.TryParse(admin.Url, out var url))
        {
            at.Error(nameof(admin.Url), $"must be {AdminUrl.Allowed}");
            return;
        }

        if (!url.IsLoopback && !admin.TokenForReads)
        {
            at.Error(nameof(admin.Url), "is open to other machines; use http://127.0.0.1:PORT, or set TokenForReads to true");
        }

        foreach (var name in SlotNameExtensions.All)
        {
            if (SlotAddress.TryParse(options.Slots.Find(name)?.Address, out var slot) && slot.EndPoint is IPEndPoint { Port: var port } ip
                && port == url.EndPoint.Port && (ip.Address.Equals(url.EndPoint.Address) || url.IsAny))
            {
                at.Error(nameof(admin.Url), $"is where the {name.ToKey()} slot listens; choose another port");
            }
        }
    }
}
