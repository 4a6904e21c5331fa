using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The recipe that EdgeProxy takes the place of, with the real Caddy, on the same machine and under the same load.</summary>
/// <remarks>It is the proof that the load of <see cref="SwitchUnderLoadTests"/> would see a loss, and the only fair figure beside "0 failed".</remarks>
[Collection(TakeOverCollection.Name)]
public sealed class CaddyRecipeTests
{
    private const int Deploys = 5;
    private const string Caddy = "/usr/bin/caddy";

    /// <summary>What <c>restart_app.sh</c> does after it has updated the code: idle slot, its port, old slot.</summary>
    private const string Deploy = """
        set -e
        systemctl start "app-server-$1.service"
        for attempt in $(seq 30); do
          curl --fail --silent --output /dev/null "http://127.0.0.1:$2/v1/config/feature-flags/" && break
          sleep 2
        done
        echo "to 127.0.0.1:$2" > /etc/caddy/upstream.txt
        systemctl reload caddy.service
        systemctl stop "app-server-$3.service"
        """;

    private const string Unit = """
        [Service]
        Type=notify
        Environment=HOME=/run
        ExecStart=/usr/bin/caddy run --config /etc/caddy/Caddyfile
        ExecReload=/usr/bin/caddy reload --config /etc/caddy/Caddyfile --force

        """;

    [Fact]
    public async Task The_recipe_loses_requests_under_the_load_that_a_switch_passes()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipWhen(!File.Exists(Caddy), "caddy is not installed");
        await using var vps = await Vps.StartAsync(new AppUnits(KillSignal: "SIGQUIT"), StartCaddyAsync);
        var load = MixedLoad.Start(vps.Public);
        var active = SlotName.Blue;
        for (var i = 0; i < Deploys; i++)
        {
            var idle = active.Other();
            _ = (await vps.Lab.RunAsync("bash", "-c", Deploy, "restart_app.sh", idle.ToKey(), $"{vps.PortOf(idle)}", active.ToKey())).Text;
            active = idle;
        }

        var shots = await load.StopAsync();

        var failed = shots.Count(shot => shot.Failure is not null);
        Assert.True(failed > 0, "this load does not notice what the recipe loses, so it proves nothing about a switch either");
        Figures.Report($"the recipe with Caddy and SIGQUIT, same load: {Deploys} deploys, {shots.Count} requests, {failed} failed");
    }

    private static async Task StartCaddyAsync(Vps vps)
    {
        await vps.Lab.WriteFileAsync("/etc/caddy/Caddyfile", $$"""
            {
            	admin 127.0.0.1:{{Backend.FreePort()}}
            	auto_https off
            }
            http://:{{vps.Public.Port}} {
            	bind 127.0.0.1
            	encode zstd gzip
            	reverse_proxy {
            		import /etc/caddy/upstream.txt
            	}
            }

            """);
        await vps.Lab.WriteFileAsync("/etc/caddy/upstream.txt", $"to 127.0.0.1:{vps.PortOf(SlotName.Blue)}\n");
        await vps.Lab.WriteUnitAsync("caddy.service", Unit);
        await vps.SystemctlAsync("start", Vps.UnitOf(SlotName.Blue), "caddy.service");
    }
}
