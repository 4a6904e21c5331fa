using System.Globalization;
using EdgeProxy.Configuration;
using EdgeProxy.Hosting;
using EdgeProxy.Sites;
using EdgeProxy.Slots;

namespace EdgeProxy.Settings;

/// <summary>What sites and slots say of addresses against where the proxy listens. All of it are warnings: addresses come and go, and the sockets may be
/// systemd's.</summary>
internal static class EndPointCheck
{
    /// <param name="root">Of the section <c>EdgeProxy</c>.</param>
    /// <param name="options">Bound, with or without errors.</param>
    /// <param name="endPoints">Of the same settings.</param>
    public static void Run(SettingsScope root, EdgeProxyOptions options, PublicEndPoints endPoints)
    {
        for (var i = 0; i < (options.Sites?.Length ?? 0); i++)
        {
            var (at, site) = (root.In(nameof(options.Sites), i), options.Sites![i]);
            at.Each(nameof(site.Bind), site.Bind, (scope, key, text) => CheckBind(scope, key, text, endPoints));
            for (var j = 0; j < (site.Routes?.Length ?? 0); j++)
            {
                at.In(nameof(site.Routes), j).Each(nameof(SiteRouteOptions.Upstreams), site.Routes![j].Upstreams, (scope, key, upstream) =>
                {
                    if (Uri.TryCreate(upstream, UriKind.Absolute, out var uri) && endPoints.Serve(uri.Host, uri.Port))
                    {
                        scope.Warn(
                            key, "is this proxy itself (Kestrel:Endpoints): a request that meets the same route again loops until a limit is reached");
                    }
                });
            }
        }

        foreach (var (identity, app) in options.AllApps())
        {
            var slots = (identity == AppIdentity.TopLevel ? root : root.In(nameof(options.Apps)).In(identity.Name)).In(nameof(app.Slots));
            foreach (var slot in new[] { SlotName.Blue, SlotName.Green })
            {
                if (Uri.TryCreate(app.Slots.Find(slot)?.Address, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp
                    && endPoints.Serve(uri.Host, uri.Port))
                {
                    slots.In(slot.ToString())
                        .Warn(nameof(SlotOptions.Address), "is an address of this proxy (Kestrel:Endpoints): the app cannot listen there, too");
                }
            }
        }
    }

    private static void CheckBind(SettingsScope at, string key, string text, PublicEndPoints endPoints)
    {
        if (!LocalEndPoint.TryParse(text, out var local))
        {
            return; // has been reported
        }

        if (local.Address is { } address && !PublicEndPoints.IsHere(address))
        {
            at.Warn(key, "is no address of this machine now: until it is, the site gets no request");
        }
        else if (local.Port > 0 && endPoints.All.Count > 0 && endPoints.All.All(endPoint => endPoint.Port != local.Port && endPoint.Port != 0))
        {
            var ports = endPoints.All.Select(endPoint => endPoint.Port.ToString(CultureInfo.InvariantCulture)).Distinct();
            at.Warn(key, $"has a port on which no endpoint of Kestrel:Endpoints listens ({string.Join(", ", ports)}): the site gets no request, unless a " +
                "socket of systemd has it");
        }
    }
}
