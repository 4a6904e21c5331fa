using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>Says for people what went wrong between the proxy and systemd, and what to do about it.</summary>
internal static class UnitErrors
{
    /// <summary>The path at which the installation puts the rule that lets the proxy's user run the units of the settings.</summary>
    public const string PolkitRule = "/etc/polkit-1/rules.d/49-edgeproxy.rules";

    public static UnitException From(DBusErrorReplyException error, string unit)
    {
        var isAboutIt = error.ErrorMessage.Contains(unit, StringComparison.Ordinal);
        return error.ErrorName switch
        {
            // Both are also said of a unit that ours needs, or of a masked polkit.service: then systemd's own words are the better ones.
            "org.freedesktop.systemd1.NoSuchUnit" when isAboutIt => new UnitNotFoundException(
                $"systemd knows no unit {unit}. Install its file in /etc/systemd/system and run \"systemctl daemon-reload\", "
                + "or correct EdgeProxy:Slots.",
                error),
            "org.freedesktop.systemd1.UnitMasked" when isAboutIt => new UnitNotFoundException(
                $"{unit} is masked: nobody can start it. Run \"systemctl unmask {unit}\".", error),
            "org.freedesktop.DBus.Error.InvalidArgs" => new UnitNotFoundException(
                $"\"{unit}\" is not the name of a unit (systemd: {error.ErrorMessage}). "
                + "Write it with its suffix in EdgeProxy:Slots, e.g. app-server-blue.service.",
                error),
            "org.freedesktop.systemd1.BadUnitSetting" => new UnitException(
                $"The file of {unit} is wrong (systemd: {error.ErrorMessage}). \"systemd-analyze verify {unit}\" says where.", error),
            "org.freedesktop.DBus.Error.AccessDenied" or "org.freedesktop.DBus.Error.AuthFailed"
                or "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => new UnitAccessDeniedException(
                    $"The user {Environment.UserName} may not start or stop {unit} (systemd: {error.ErrorMessage}). "
                    + $"As root, \"edgeproxy polkit-rule --user {Environment.UserName} > {PolkitRule}\" writes the rule for the units of the settings.",
                    error),
            _ => new UnitException(
                $"systemd refuses what {unit} was told: {error.ErrorMessage} ({error.ErrorName}). \"systemctl status {unit}\" may say more.", error),
        };
    }

    public static UnitManagerUnavailableException Unavailable(SystemdUnavailableException error, string unit) => new(
        $"systemd cannot be reached about {unit}: {error.Message}. Is dbus.service running? "
        + "Where there is no systemd, set EdgeProxy:Units:Manager to Process.", error);

    public static UnitException Unexpected(DBusMessageException error, string unit) => new(
        $"systemd's reply about {unit} has another form than expected: {error.Message}. "
        + $"\"systemctl status {unit}\" says how the unit is; please report the version of systemd.",
        error);

    public static UnitManagerUnavailableException Unsettled(UnitJob job, UnitStatus now) => new(
        $"The connection to systemd broke during the {job.ToString().ToLowerInvariant()} of {now.Unit}, and how it ended cannot be told: "
        + $"the unit is {now.State} ({now.SubState}) now. See \"systemctl status {now.Unit}\".");
}
