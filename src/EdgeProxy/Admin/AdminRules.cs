using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Slots;

namespace EdgeProxy.Admin;

/// <summary><c>Admin</c>.</summary>
internal static class AdminRules
{
    /// <param name="at">The section.</param>
    /// <param name="admin">What it says.</param>
    /// <param name="slots">Where the slots of each app listen: the admin API cannot.</param>
    public static void Check(SettingsScope at, AdminOptions admin, IReadOnlyCollection<SlotsOptions> slots)
    {
        if (!string.IsNullOrEmpty(admin.Socket))
        {
            CheckSocket(at, admin);
        }

        if (!string.IsNullOrEmpty(admin.Url))
        {
            CheckUrl(at, admin, slots);
            at.Required(nameof(admin.TokenFile), admin.TokenFile, "the file with the token for calls over Admin:Url");
        }
        else if (string.IsNullOrEmpty(admin.Socket))
        {
            at.Warn(nameof(admin.Url), "and Admin:Socket are both empty: nobody can switch or see the status");
        }
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

    private static void CheckUrl(SettingsScope at, AdminOptions admin, IReadOnlyCollection<SlotsOptions> apps)
    {
        if (!AdminUrl.TryParse(admin.Url, out var url))
        {
            at.Error(nameof(admin.Url), $"must be {AdminUrl.Allowed}");
            return;
        }

        if (!url.IsLoopback && !admin.TokenForReads)
        {
            at.Error(nameof(admin.Url), "is open to other machines; use http://127.0.0.1:PORT, or set TokenForReads to true");
        }

        foreach (var (slots, name) in apps.SelectMany(slots => SlotNameExtensions.All, (slots, name) => (slots, name)))
        {
            if (SlotAddress.TryParse(slots.Find(name)?.Address, out var slot) && slot.EndPoint is IPEndPoint { Port: var port } ip
                && port == url.EndPoint.Port && (ip.Address.Equals(url.EndPoint.Address) || url.IsAny))
            {
                at.Error(nameof(admin.Url), $"is where the {name.ToKey()} slot listens; choose another port");
            }
        }
    }
}
