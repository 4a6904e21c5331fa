using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary><c>deploy/setup_bluegreen.sh</c> and <c>deploy/uninstall.sh</c> on the recipe's server, with clients.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupTests
{
    private const string DeployConf = "/etc/edgeproxy/deploy.conf";

    [Fact]
    public async Task The_recipe_moves_to_EdgeProxy_switches_and_moves_back()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.Lab.WriteUnitAsync("celery.service", $"[Service]\nWorkingDirectory={RecipeVps.Project}\nExecStart=/usr/bin/sleep infinity\n");
        await vps.RunAsync("systemctl", "start", "celery.service");
        Assert.Contains(
            "celery.service runs from the app's directory, too", await vps.RunAsync(RecipeVps.Setup, "--dry-run"), StringComparison.Ordinal);
        await VisitAsync(vps);
        var setup = await vps.RunAsync(RecipeVps.Setup, "--deployer", "azureuser", "--companion", "celery");
        Assert.DoesNotContain("from the app's directory", setup, StringComparison.Ordinal);
        await AssertTakenOverAsync(vps, "blue");
        var worker = await WorkerAsync(vps);
        var moved = await LeaveAsync(vps);

        await VisitAsync(vps);
        Assert.Contains("Completed: blue -> green", await vps.RunAsync("runuser", "-u", "azureuser", "--", "edgeproxy", "switch"), StringComparison.Ordinal);
        Assert.Equal("inactive", (await vps.Lab.RunAsync("systemctl", "is-active", "app-server-blue.service")).Output.Trim());
        var switched = await LeaveAsync(vps);
        Assert.NotEqual(worker, await WorkerAsync(vps)); // with the new code
        Assert.NotEqual("0", await WorkerAsync(vps));

        await VisitAsync(vps);
        var back = await vps.RunAsync(RecipeVps.Uninstall);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        var movedBack = await LeaveAsync(vps);

        Figures.Report($"setup_bluegreen.sh: {Sum(moved)}; {Gaps(setup)}");
        Figures.Report($"a switch after it: {Sum(switched)}");
        Figures.Report($"uninstall.sh: {Sum(movedBack)}; {Gaps(back)}");
        // Both listen until the one that comes has proved itself.
        Assert.All([.. moved, .. switched, .. movedBack], visit => Assert.True(visit.IsGood, $"{visit}"));
        Assert.Equal("to 127.0.0.1:8100", await vps.RunAsync("cat", "/etc/caddy/upstream.txt"));
        Assert.Equal("active", (await vps.Lab.RunAsync("systemctl", "is-active", "app-server-green.service")).Output.Trim());
        Assert.Equal("caddy", await vps.RunAsync("bash", "-c", "ss -ltnpH 'sport = :443' | grep -o caddy | head -n 1"));
        Assert.Equal(["app-server-green.service", "caddy.service"], await EnabledAsync(vps));
        Assert.False(File.Exists(vps.Lab.Root + DeployConf)); // nobody had changed it
        Assert.NotEqual("0", await WorkerAsync(vps));
        Assert.Equal("SIGQUIT", await vps.RunAsync("bash", "-c", "kill -l $(systemctl show --value -p KillSignal app-server-green.service) | sed 's/^/SIG/'"));
    }

    [Fact]
    public async Task Where_the_ports_cannot_be_shared_no_accepted_connection_is_cut()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.RunAsync("bash", "-c", """
            real=$(readlink -f /usr/bin/python3)
            rm /usr/bin/python3
            printf '#!/bin/sh\ncase $* in *share_ports*) echo not with this kernel >&2; exit 1 ;; esac\nexec %s "$@"\n' "$real" > /usr/bin/python3
            chmod 755 /usr/bin/python3
            """);
        await VisitAsync(vps);

        var setup = await vps.RunAsync(RecipeVps.Setup);
        await AssertTakenOverAsync(vps, "blue");
        var back = await vps.RunAsync(RecipeVps.Uninstall);

        Assert.All(
            (string[])[setup, back], output => Assert.Contains("the ports cannot be shared (not with this kernel)", output, StringComparison.Ordinal));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        // A client that comes while the ports are nobody's is refused.
        Assert.All(await LeaveAsync(vps), visit => Assert.True(visit.IsGood || visit.IsRefused, $"{visit}"));
        Figures.Report($"setup_bluegreen.sh where ports cannot be shared: {Gaps(setup)}; back: {Gaps(back)}");
    }

    [Fact]
    public async Task The_units_keep_what_they_run_and_get_what_their_stops_need()
    {
        await using var vps = await RecipeVps.StartAsync();
        var before = await ShowAsync(vps, "ExecStart", "User", "WorkingDirectory", "Environment", "Type");
        var pid = await ShowAsync(vps, "MainPID");

        await vps.RunAsync(RecipeVps.Setup);

        Assert.Equal(before, await ShowAsync(vps, "ExecStart", "User", "WorkingDirectory", "Environment", "Type"));
        Assert.Equal(pid, await ShowAsync(vps, "MainPID"));
        Assert.Equal(
            "KillSignal=15\nKillMode=mixed\nRestartUSec=1s\nTimeoutStopUSec=40s\nStartLimitIntervalUSec=0",
            await ShowAsync(vps, "KillSignal", "KillMode", "RestartUSec", "TimeoutStopUSec", "StartLimitIntervalUSec"));
        Assert.DoesNotContain("ServerKeepAlive", await vps.RunAsync("cat", "/etc/edgeproxy/appsettings.json"), StringComparison.Ordinal);
        Assert.Contains("\"MaxConcurrent\": 8", await vps.RunAsync("cat", "/etc/edgeproxy/appsettings.json"), StringComparison.Ordinal);
        Assert.Equal("APP_DIR=app-server\nPYTHON=/usr/bin/python3\nREQUIREMENTS=", await vps.RunAsync("grep", "^[A-Z]", DeployConf));
    }

    [Fact]
    public async Task A_dry_run_tells_every_step_and_changes_nothing()
    {
        await using var vps = await RecipeVps.StartAsync();
        var before = await vps.SnapshotAsync();

        var told = await vps.RunAsync(RecipeVps.Setup, "--dry-run", "--move-secrets", "--deployer", "azureuser");

        Assert.Equal(before, await vps.SnapshotAsync());
        Assert.All(
            (string[])[
                "write /etc/edgeproxy/appsettings.json", $"write {DeployConf}", "KillSignal=SIGTERM", "A rehearsal", "The ports 80 and 443 move",
                "disable caddy.service app-server-blue.service", "let azureuser use", "app-server-blue.env"],
            step => Assert.Contains(step, told, StringComparison.Ordinal));
        Assert.DoesNotContain("not-for-everybody", told, StringComparison.Ordinal);

        await vps.RunAsync("bash", "-c", """
            PATH=/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin
            while file=$(type -P python3); do mv "$file" "$file.away"; done
            """);
        foreach (var script in (string[])[RecipeVps.Setup, RecipeVps.Uninstall, RecipeVps.NewSite])
        {
            string[] site = script == RecipeVps.NewSite ? ["--host", "a.example", "--repository", "/srv/a.git", "--settings", "a.settings"] : [];
            var without = await vps.Lab.RunAsync([script, .. site]);
            Assert.Equal(2, without.ExitCode);
            Assert.Contains("Python, which is missing here; nothing was changed", without.Error, StringComparison.Ordinal);
            Assert.Contains($"\nsudo apt install python3 && sudo {script}", without.Error, StringComparison.Ordinal);
        }

        Assert.Equal(before, await vps.SnapshotAsync());
    }

    [Fact]
    public async Task A_second_run_changes_nothing_and_what_somebody_has_set_for_deploys_stays()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.RunAsync(RecipeVps.Setup, "--move-secrets", "--deployer", "azureuser");
        await vps.RunAsync("bash", "-c", $"echo KEEP_VENVS=5 >> {DeployConf}");
        var after = WithoutOrders(await vps.SnapshotAsync());

        var second = await vps.RunAsync(RecipeVps.Setup, "--move-secrets", "--deployer", "azureuser");

        Assert.Equal(after, WithoutOrders(await vps.SnapshotAsync()));
        Assert.DoesNotContain("  write ", second, StringComparison.Ordinal);
        await vps.RunAsync(RecipeVps.Uninstall);
        Assert.EndsWith("KEEP_VENVS=5", await vps.RunAsync("cat", DeployConf), StringComparison.Ordinal);

        // EdgeProxy asks authorities for certificates by itself, again and again where none is reached, as here.
        static List<string> WithoutOrders(string snapshot) =>
            [.. snapshot.Split('\n').Where(line => !line.StartsWith("/var/lib/edgeproxy/acme", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task There_and_back_as_often_as_one_likes()
    {
        await using var vps = await RecipeVps.StartAsync();
        var before = Lasting(await vps.SnapshotAsync());
        await vps.RunAsync(RecipeVps.Setup, "--move-secrets", "--deployer", "azureuser");
        await vps.RunAsync(RecipeVps.Uninstall);
        var once = Lasting(await vps.SnapshotAsync());

        // Whatever the shell and the tools are like; and one run after the other.
        await vps.SlowDownAsync("systemctl", "ss", "python3", "caddy");
        await vps.RunAsync("systemctl", "restart", "caddy.service");
        Assert.Equal("caddy.real", await vps.RunAsync("bash", "-c", "ss -ltnpH 'sport = :443' | grep -o 'caddy[a-z.]*' | head -n 1"));
        await VisitAsync(vps);
        await vps.RunAsync(RecipeVps.InOddShell(RecipeVps.Setup, "--move-secrets", "--deployer=azureuser"));
        await vps.RunAsync(RecipeVps.Setup, "--move-secrets", "--deployer", "azureuser");
        // No authority is reached here; Caddy's certificate serves.
        Assert.DoesNotContain("HTTPS is refused", await vps.RunAsync("journalctl", "--unit", "edgeproxy.service"), StringComparison.Ordinal);
        await vps.RunAsync(RecipeVps.InOddShell(RecipeVps.Uninstall));

        Assert.All(await LeaveAsync(vps), visit => Assert.True(visit.IsGood, $"{visit}"));
        Assert.Equal("", await vps.RunAsync("bash", "-c", "cat /run/odd-used 2> /dev/null || true"));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal(once, Lasting(await vps.SnapshotAsync()));
        // Settings stay, and the user, and the directory that the settings name; nothing else of EdgeProxy does.
        Assert.All(
            once.Except(before),
            line => Assert.Matches(@"^/etc/edgeproxy |^/etc/edgeproxy/(appsettings\.json|certificates) |^/etc/(passwd|group|shadow|gshadow) ", line));
        Assert.All(before.Except(once), line => Assert.StartsWith("/etc", line, StringComparison.Ordinal)); // accounts

        // Without state and logs, which are kept and go on, and without processes.
        static List<string> Lasting(string snapshot) =>
            [
                .. snapshot.Split('\n').Where(line =>
                    !line.StartsWith("/var/lib/edgeproxy", StringComparison.Ordinal)
                    && !line.StartsWith("/var/log/edgeproxy", StringComparison.Ordinal)
                    && !line.StartsWith("MainPID", StringComparison.Ordinal)),
            ];
    }

    [Fact]
    public async Task A_single_unit_becomes_blue_and_green_and_single_again()
    {
        await using var vps = await RecipeVps.StartAsync(RecipeUnits.Alone, RecipeCertificates.Files);
        await vps.Lab.WriteUnitAsync("cleaner.service", "[Unit]\nWants=app-server-prod.service\n[Service]\nExecStart=/usr/bin/sleep infinity\n");
        await vps.Lab.WriteUnitAsync(
            "worker.service",
            "[Unit]\nPartOf=app-server-prod.service\nRequires=app-server-prod.service dbus.service\nAfter=app-server-prod.service\n" +
                "[Service]\nExecStart=/usr/bin/sleep infinity\n");
        await vps.Lab.WriteUnitAsync("beat.service", "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=app-server-prod.service\n");
        await vps.RunAsync("systemctl", "enable", "beat.service");
        await vps.RunAsync("systemctl", "start", "worker.service", "cleaner.service");
        var before = await vps.SnapshotAsync();
        var refused = await vps.Lab.RunAsync(RecipeVps.Setup, "--grant");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("worker.service stops with app-server-prod.service", refused.Error, StringComparison.Ordinal);
        Assert.Contains("cleaner.service starts app-server-prod.service", refused.Output, StringComparison.Ordinal);
        Assert.Contains("beat.service is started by app-server-prod.service", refused.Output, StringComparison.Ordinal);
        Assert.EndsWith($"\nsudo {RecipeVps.Setup} --grant --companion worker\n", refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, await vps.SnapshotAsync());
        await VisitAsync(vps);

        // 8000 is the single unit's, so green begins.
        var setup = await vps.RunAsync(RecipeVps.Setup, "--grant", "--companion", "worker");
        await AssertTakenOverAsync(vps, "green");
        var moved = await LeaveAsync(vps);
        Assert.Equal("inactive", (await vps.Lab.RunAsync("systemctl", "is-active", "app-server-prod.service")).Output.Trim());
        Assert.Equal("active", await vps.RunAsync("systemctl", "is-active", "worker.service"));
        Assert.Equal("dbus.service", await vps.RunAsync("bash", "-c", "grep ^Requires= /etc/systemd/system/worker.service | cut -d = -f 2"));

        // As every deploy script does. The port is blue's now.
        var restarted = await vps.Lab.RunAsync("systemctl", "restart", "app-server-prod.service");
        Assert.NotEqual(0, restarted.ExitCode);
        Assert.Contains("/opt/edgeproxy/deploy/restart_app.sh BRANCH", await StatusAsync(vps, "app-server-prod.service"), StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));

        await VisitAsync(vps);
        Assert.Contains("Completed: green -> blue", await vps.RunAsync("edgeproxy", "switch"), StringComparison.Ordinal);
        var switched = await LeaveAsync(vps);

        // Settings that name no health path any more: the usual ones are tried.
        await vps.RunAsync("sed", "-i", "/\"Health\": {/,/}/d", "/etc/edgeproxy/appsettings.json");
        Assert.DoesNotContain("EdgeProxy__Health__Path", await vps.RunAsync("edgeproxy", "check", "--show"), StringComparison.Ordinal);
        var back = await vps.RunAsync(RecipeVps.Uninstall, "--purge");

        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal(Without(before), Without(await vps.SnapshotAsync()));
        Assert.All([.. moved, .. switched], visit => Assert.True(visit.IsGood, $"{visit}"));
        Figures.Report($"setup_bluegreen.sh with a single unit: {Sum(moved)}; {Gaps(setup)}; back: {Gaps(back)}");

        // Other processes than before, and the marks of accounts that came and went.
        static string Without(string snapshot) =>
            string.Join(
                '\n',
                snapshot.Split('\n').Where(
                    line => !line.StartsWith("MainPID", StringComparison.Ordinal) && !line.StartsWith("app-server", StringComparison.Ordinal)));
    }

    /// <summary>Units and ports of one's own, and a Caddyfile that names the port.</summary>
    [Fact]
    public async Task Units_with_names_of_their_own_are_switched_and_a_fixed_upstream_follows()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.RunAsync("bash", "-c", $$"""
            set -e
            cd /etc/systemd/system
            systemctl --quiet disable --now app-server-blue.service
            sed 's/:8000/:8001/' app-server-blue.service > shop-blue.service
            sed 's/:8100/:8101/' app-server-green.service > shop-green.service
            rm app-server-blue.service app-server-green.service /etc/caddy/upstream.txt
            sed -i 's/^import .*/to 127.0.0.1:8001/; s/^{{RecipeVps.Host}}/{$SITE}/; s/^encode.*/&\nbind 127.0.0.1/' {{RecipeVps.Caddyfile}}
            mkdir -p caddy.service.d
            printf '[Service]\nEnvironmentFile=-/etc/caddy/env\n' > caddy.service.d/test.conf
            echo 'SITE="{{RecipeVps.Host}}"' > /etc/caddy/env
            systemctl daemon-reload
            systemctl restart caddy.service
            cd {{RecipeVps.Checkout}}
            printf 'logs\n__pycache__\n' > .gitignore
            git add --all
            git -c user.name=Test -c user.email=test@example.com commit --quiet --message 'the first version'
            """);
        string[] setup = [RecipeVps.Setup, "--blue-unit", "shop-blue", "--green-unit", "shop-green"];

        // Nobody can say which path is the right one.
        var run = await vps.Lab.RunAsync(setup);
        Assert.True(run.ExitCode == 2, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("/healthz 000", run.Error, StringComparison.Ordinal);
        Assert.EndsWith($"\nsudo {string.Join(' ', setup)} --health-path /PATH\n", run.Error, StringComparison.Ordinal);
        await vps.RunAsync("systemctl", "enable", "--now", "shop-blue.service");
        await Eventually.TrueAsync(async () => await vps.AskAsync(RecipeVps.Health) == "200", "the recipe serves");

        // No switch would be possible: that shows before the ports move.
        await vps.Lab.WriteFileAsync(
            "/etc/polkit-1/rules.d/00-own.rules",
            "polkit.addRule(function (action) { if (action.id == 'org.freedesktop.systemd1.manage-units') { return polkit.Result.NO; } });\n");
        run = await vps.Lab.RunAsync(setup);
        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("EdgeProxy's user may not start shop-blue.service", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("The ports 80 and 443 move", run.Output, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        await vps.RunAsync("rm", "/etc/polkit-1/rules.d/00-own.rules");

        run = await vps.Lab.RunAsync(setup);
        Assert.True(run.ExitCode == 0, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("/healthz is the health path: http://127.0.0.1:8001", run.Output, StringComparison.Ordinal);
        Assert.Equal("127.0.0.1:443", await vps.RunAsync("bash", "-c", "ss -ltnH 'sport = :443' | awk '{ print $4 }'")); // as Caddy
        Assert.Contains("Completed: blue -> green", await vps.RunAsync("edgeproxy", "switch"), StringComparison.Ordinal);
        var commit = await vps.RunAsync("git", "-C", RecipeVps.Checkout, "rev-parse", "HEAD");
        var told = await vps.RunAsync("/opt/edgeproxy/deploy/restart_app.sh", "--rollback", "--dry-run");
        Assert.Contains($"would go back to blue, {commit}", told, StringComparison.Ordinal);

        await vps.RunAsync(RecipeVps.Uninstall);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("to 127.0.0.1:8101", await vps.RunAsync("grep", "^to ", RecipeVps.Caddyfile));
        Assert.Equal("enabled", await vps.RunAsync("systemctl", "is-enabled", "shop-green.service"));
    }

    [Fact]
    public async Task What_is_asked_for_is_tried_and_acts_from_the_next_start_on()
    {
        await using var vps = await RecipeVps.StartAsync();
        var refused = await vps.Lab.RunAsync(RecipeVps.Setup, "--user", "azureuser");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("azureuser cannot write /app/test_project/app-server/logs/gunicorn_access_blue.log: chown", refused.Error, StringComparison.Ordinal);
        await vps.RunAsync("chown", "-R", "azureuser", "/app");

        await vps.RunAsync(RecipeVps.Setup, "--user", "azureuser", "--gthread", "--harden", "--move-secrets");
        Assert.Contains("Completed: blue -> green", await vps.RunAsync("edgeproxy", "switch"), StringComparison.Ordinal);

        var green = await vps.RunAsync("systemctl", "show", "--value", "-p", "MainPID", "app-server-green.service");
        Assert.Equal("azureuser", await vps.RunAsync("stat", "-c", "%U", $"/proc/{green}"));
        Assert.Contains(
            "--worker-class gthread --threads 4 --keep-alive 75",
            (await vps.RunAsync("cat", $"/proc/{green}/cmdline")).Replace('\0', ' '),
            StringComparison.Ordinal);
        Assert.Contains("OPENAI_API_KEY=not-for-everybody", (await vps.RunAsync("cat", $"/proc/{green}/environ")).Split('\0'));
        Assert.Equal(
            "1",
            (await vps.RunAsync("cat", $"/proc/{green}/status")).Split('\n').Single(line => line.StartsWith("NoNewPrivs", StringComparison.Ordinal))[^1..]);
        Assert.Equal("600 root", await vps.RunAsync("stat", "-c", "%a %U", "/etc/edgeproxy/app-server-green.env"));
        Assert.DoesNotContain("not-for-everybody", await vps.RunAsync("cat", "/etc/systemd/system/app-server-green.service"), StringComparison.Ordinal);
        Assert.Contains("\"MaxConcurrent\": 32", await vps.RunAsync("cat", "/etc/edgeproxy/appsettings.json"), StringComparison.Ordinal);
        Assert.Contains("\"ServerKeepAlive\": \"00:01:15\"", await vps.RunAsync("cat", "/etc/edgeproxy/appsettings.json"), StringComparison.Ordinal);
    }

    private static async Task AssertTakenOverAsync(RecipeVps vps, string slot)
    {
        Assert.Contains($"traffic is on {slot}", await vps.RunAsync("edgeproxy", "status"), StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("308", await vps.AskAsync($"http://{RecipeVps.Host}/"));
        Assert.Equal("body { color: #123 }\n", await vps.ReadAsync($"https://{RecipeVps.Host}/static/site.css"));
        Assert.Equal(["edgeproxy-http.socket", "edgeproxy-https.socket", "edgeproxy.service"], await EnabledAsync(vps));
        Assert.Equal("inactive", (await vps.Lab.RunAsync("systemctl", "is-active", "caddy.service")).Output.Trim());
        Assert.Equal("edgeproxy", await vps.RunAsync("bash", "-c", "stat -c %U /proc/$(systemctl show --value -p MainPID edgeproxy.service)"));
    }

    private static async Task<string[]> EnabledAsync(RecipeVps vps) =>
        (await vps.RunAsync("bash", "-c", "systemctl list-unit-files --no-legend --state=enabled 'caddy*' 'app-server*' 'edgeproxy*' | cut -d ' ' -f 1 | sort"))
            .Split('\n');

    private static async Task<string> StatusAsync(RecipeVps vps, string unit) =>
        (await vps.Lab.RunAsync("systemctl", "status", "--no-pager", "--full", unit)).Output;

    private static async Task<string> ShowAsync(RecipeVps vps, params string[] properties) =>
        string.Join(
            '\n',
            (await vps.RunAsync(["systemctl", "show", .. properties.SelectMany(property => new[] { "-p", property }), "app-server-blue.service"])).Split('\n')
            .Select(line => line.Split(" ; start_time")[0])
            .OrderBy(line => Array.IndexOf(properties, line.Split('=')[0])));

    private static async Task VisitAsync(RecipeVps vps)
    {
        await vps.StartClientsAsync("https", RecipeVps.Health);
        await vps.StartClientsAsync("http", $"http://{RecipeVps.Host}/");
        await vps.StartClientsAsync("slow", $"https://{RecipeVps.Host}/slow?ms=1500");
    }

    private static Task<string> WorkerAsync(RecipeVps vps) => vps.RunAsync("systemctl", "show", "--value", "--property", "MainPID", "celery.service");

    private static async Task<IReadOnlyList<Visit>> LeaveAsync(RecipeVps vps) =>
        [.. await vps.StopClientsAsync("https"), .. await vps.StopClientsAsync("http"), .. await vps.StopClientsAsync("slow")];

    private static string Sum(IReadOnlyList<Visit> visits) =>
        $"{visits.Count} requests over HTTP and HTTPS, {visits.Count(visit => !visit.IsGood)} failed, the longest " +
            $"{visits.Where(visit => visit.IsGood).Max(visit => visit.Ended - visit.Began).TotalSeconds:0.00} s";

    private static string Gaps(string output) =>
        string.Join("; ", output.Split('\n').Where(line => line.Contains("between two good responses", StringComparison.Ordinal)).Select(line => line.Trim()));
}
